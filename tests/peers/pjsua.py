"""A phone on pjsua2: calls URI, says a WAV file, records what it hears; standard input gives `digit 1` and `hangup`."""

import select
import sys

import pjsua2 as pj


class Call(pj.Call):
    player = None
    recorder = None
    is_over = False

    def onCallMediaState(self, _):
        # Held by a name: its list is gone when it goes.
        info = self.getInfo()
        for media in info.media:
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE and not self.player:
                audio = self.getAudioMedia(media.index)
                self.player, self.recorder = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
                self.player.createPlayer(sys.argv[4])
                self.recorder.createRecorder(sys.argv[5])
                self.player.startTransmit(audio)
                audio.startTransmit(self.recorder)
                print("voices go", flush=True)

    def onCallState(self, _):
        info = self.getInfo()
        print("state", info.stateText, info.lastStatusCode, flush=True)
        self.is_over = info.state == pj.PJSIP_INV_STATE_DISCONNECTED


def main():
    uri, sip_port, rtp_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.consoleLevel = 3
    config.medConfig.noVad = True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = sip_port, "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()

    account_config = pj.AccountConfig()
    account_config.idUri = f"sip:+380501112233@127.0.0.1:{sip_port}"
    account_config.mediaConfig.transportConfig.port = rtp_port
    account_config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account = pj.Account()
    account.create(account_config)

    call = Call(account)
    call.makeCall(uri, pj.CallOpParam(True))
    while not call.is_over:
        endpoint.libHandleEvents(10)
        if select.select([sys.stdin], [], [], 0)[0]:
            word = sys.stdin.readline().split()
            if word and word[0] == "digit":
                call.dialDtmf(word[1])
            else:
                call.hangup(pj.CallOpParam(True))
                while not call.is_over:
                    endpoint.libHandleEvents(10)
    # The recorder writes its header when it goes.
    call.player = call.recorder = None
    del call
    account.shutdown()
    endpoint.libDestroy()


main()
