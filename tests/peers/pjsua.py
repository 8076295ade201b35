"""A phone on pjsua2: one call, placed or taken, in which it says a WAV file and records what it hears.

Standard input gives `digit 1`, `hold`, `resume` and `hangup`; `refer URI` hands the call on, as `consult URI` and then `join` do. Of NAT it knows nothing: it says the address that it has.
"""

import argparse
import select
import sys

import pjsua2 as pj

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}


class Call(pj.Call):
    player = None
    recorder = None
    consulted = None
    is_over = False

    def __init__(self, account, identity=pj.PJSUA_INVALID_ID, heard=""):
        super().__init__(account, identity)
        self.account, self.heard = account, heard or ARGS.heard

    def onCallMediaState(self, _):
        # Held by a name: its list is gone when it goes.
        info = self.getInfo()
        for media in info.media:
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            if media.status != pj.PJSUA_CALL_MEDIA_ACTIVE:
                print("voices rest", flush=True)
                continue
            audio = self.getAudioMedia(media.index)
            if not self.player:
                self.player, self.recorder = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
                self.player.createPlayer(ARGS.tone)
                self.recorder.createRecorder(self.heard)
            # A re-INVITE has taken it off its lines.
            self.player.startTransmit(audio)
            audio.startTransmit(self.recorder)
            print("voices go", flush=True)

    def onCallState(self, _):
        info = self.getInfo()
        print("state", info.stateText, info.lastStatusCode, flush=True)
        self.is_over = info.state == pj.PJSIP_INV_STATE_DISCONNECTED

    def onCallTransferStatus(self, param):
        print("refer", param.statusCode, flush=True)

    def obey(self, word):
        if word[0] == "digit":
            self.dialDtmf(word[1])
        elif word[0] == "hold":
            self.setHold(pj.CallOpParam(True))
        elif word[0] == "resume":
            again = pj.CallOpParam(True)
            again.opt.flag = pj.PJSUA_CALL_UNHOLD
            self.reinvite(again)
        elif word[0] == "refer":
            self.xfer(word[1], pj.CallOpParam(True))
        elif word[0] == "consult":
            self.consulted = Call(self.account, heard=f"consulted-{ARGS.heard}")
            self.consulted.makeCall(word[1], pj.CallOpParam(True))
        elif word[0] == "join":
            self.xferReplaces(self.consulted, pj.CallOpParam(True))
        elif word[0] == "hangup":
            print(self.dump(True, "  "), flush=True)
            self.hangup(pj.CallOpParam(True))


class Account(pj.Account):
    taken = None

    def onRegState(self, param):
        print("registration", param.code, flush=True)

    def onIncomingCall(self, param):
        self.taken = Call(self, param.callId)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        self.taken.answer(answer)


def arguments():
    parser = argparse.ArgumentParser()
    for name in ["sip_port", "rtp_port", "tone", "heard"]:
        parser.add_argument(name)
    parser.add_argument("--call", default="", help="URI; without it the first call that comes is taken")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--number", default="+380501112233")
    parser.add_argument("--registrar", default="", help="URI")
    parser.add_argument("--password", default="", help="to the registrar and to whoever challenges")
    parser.add_argument("--transport", choices=TRANSPORTS, default="udp")
    parser.add_argument("--authority", default="", help="PEM; whom else to believe over TLS")
    parser.add_argument("--srtp", default="", help="this suite of SDES or no call")
    return parser.parse_args()


def main():
    address = ARGS.address
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.consoleLevel = 3
    config.medConfig.noVad = True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress = int(ARGS.sip_port), address
    if ARGS.authority:
        transport.tlsConfig.CaListFile, transport.tlsConfig.verifyServer = ARGS.authority, True
    endpoint.transportCreate(TRANSPORTS[ARGS.transport], transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()

    account_config = pj.AccountConfig()
    account_config.idUri = f"sip:{ARGS.number}@{address}:{ARGS.sip_port}"
    if ARGS.registrar:
        account_config.idUri = f"sip:{ARGS.number}@{ARGS.registrar.split(':', 1)[1].split(';')[0]}"
        account_config.regConfig.registrarUri = ARGS.registrar
        account_config.regConfig.timeoutSec = 120
    if ARGS.password:
        account_config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", ARGS.number, 0, ARGS.password))
    nat = account_config.natConfig
    nat.contactRewriteUse = nat.viaRewriteUse = nat.sdpNatRewriteUse = nat.sipOutboundUse = 0
    media = account_config.mediaConfig
    media.transportConfig.port, media.transportConfig.boundAddress = int(ARGS.rtp_port), address
    if ARGS.srtp:
        media.srtpUse, media.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 1
        suite = pj.SrtpCrypto()
        suite.name = ARGS.srtp
        media.srtpOpt.cryptos = pj.SrtpCryptoVector([suite])
        media.srtpOpt.keyings = pj.IntVector([pj.PJMEDIA_SRTP_KEYING_SDES])
    account = Account()
    account.create(account_config)
    if ARGS.call:
        account.taken = Call(account)
        account.taken.makeCall(ARGS.call, pj.CallOpParam(True))
    while not (account.taken and account.taken.is_over):
        endpoint.libHandleEvents(10)
        # A call that is over wants nothing more.
        is_asked = select.select([sys.stdin], [], [], 0)[0] and account.taken and not account.taken.is_over
        if is_asked:
            account.taken.obey(sys.stdin.readline().split() or ["hangup"])
    # A recorder writes its header when it goes.
    for call in filter(None, [account.taken.consulted, account.taken]):
        call.player = call.recorder = call.consulted = None
    account.taken = call = None
    account.shutdown()
    endpoint.libDestroy()


ARGS = arguments()
main()
