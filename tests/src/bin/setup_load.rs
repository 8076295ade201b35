//! How long a caller waits for the first word: INVITE to 200, and to the prompt's first RTP packet, at a steady rate of calls.
//!
//!   setup_load TARGET USER RATE CALLS        setup_load 127.0.0.1:5070 ivr 20 400
//!
//! One thread, one SIP socket, one RTP socket a call; each call lasts `TALK`. Its own few lines of SIP, so that the figure does not lean on the
//! gateway's parser. Prints one JSON object; exits 1 if a call failed.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

struct Call {
    rtp: UdpSocket,
    invited: Instant,
    answered: Option<Duration>,
    heard: Option<Duration>,
    to_tag: String,
    over: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [target, user, rate, calls] = words.as_slice() else {
        println!("usage: setup_load TARGET USER RATE CALLS");
        return ExitCode::from(2);
    };
    let (Ok(target), Ok(rate), Ok(calls)) = (target.parse::<SocketAddr>(), rate.parse::<f64>(), calls.parse::<usize>()) else {
        println!("TARGET is an address with port, RATE calls a second, CALLS a number");
        return ExitCode::from(2);
    };
    match load(target, user, rate, calls) {
        Ok(calls) => report(&calls, rate),
        Err(error) => {
            println!("{{\"error\":\"{error}\"}}");
            ExitCode::FAILURE
        }
    }
}

fn load(target: SocketAddr, user: &str, rate: f64, count: usize) -> std::io::Result<Vec<Call>> {
    let sip = UdpSocket::bind("127.0.0.1:0")?;
    sip.set_nonblocking(true)?;
    let local = sip.local_addr()?;
    let begun = Instant::now();
    let mut calls: Vec<Call> = Vec::with_capacity(count);
    let mut buffer = [0; 4096];
    let ends = Duration::from_secs_f64(count as f64 / rate) + TALK + Duration::from_secs(2);
    while begun.elapsed() < ends {
        if calls.len() < count && begun.elapsed().as_secs_f64() * rate >= calls.len() as f64 {
            let rtp = UdpSocket::bind("127.0.0.1:0")?;
            rtp.set_nonblocking(true)?;
            let port = rtp.local_addr()?.port();
            calls.push(Call { rtp, invited: Instant::now(), answered: None, heard: None, to_tag: String::new(), over: false });
            sip.send_to(&invite(target, local, user, calls.len() - 1, port), target)?;
        }
        while let Ok((length, _)) = sip.recv_from(&mut buffer) {
            take_in(&sip, target, local, user, &mut calls, &String::from_utf8_lossy(&buffer[..length]))?;
        }
        for (id, call) in calls.iter_mut().enumerate().filter(|(_, call)| !call.over) {
            match call.rtp.recv_from(&mut buffer) {
                Ok((length, _)) if length > 12 && buffer[0] >> 6 == 2 => {
                    call.heard.get_or_insert_with(|| call.invited.elapsed());
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
            if call.answered.is_some() && call.invited.elapsed() > TALK {
                call.over = true;
                sip.send_to(&request("BYE", 2, target, local, user, id, &call.to_tag, ""), target)?;
            }
        }
        thread::sleep(Duration::from_micros(100));
    }
    Ok(calls)
}

fn take_in(sip: &UdpSocket, target: SocketAddr, local: SocketAddr, user: &str, calls: &mut [Call], text: &str) -> std::io::Result<()> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let Some(id) = field("Call-ID:").and_then(|id| id.split('@').next()?.strip_prefix("load")?.parse::<usize>().ok()) else {
        return Ok(());
    };
    let Some(call) = calls.get_mut(id) else { return Ok(()) };
    if text.starts_with("SIP/2.0 200") && field("CSeq:").is_some_and(|cseq| cseq.contains("INVITE")) {
        call.answered.get_or_insert_with(|| call.invited.elapsed());
        call.to_tag = field("To:").unwrap_or_default().to_owned();
        sip.send_to(&request("ACK", 1, target, local, user, id, &call.to_tag, ""), target)?;
    }
    Ok(())
}

fn invite(target: SocketAddr, local: SocketAddr, user: &str, id: usize, port: u16) -> Vec<u8> {
    let sdp = format!(
        "v=0\r\no=load 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
    );
    request("INVITE", 1, target, local, user, id, &format!("<sip:{user}@{target}>"), &sdp)
}

#[expect(clippy::too_many_arguments, reason = "the parts of a request, in their order on the wire")]
fn request(method: &str, cseq: u32, target: SocketAddr, local: SocketAddr, user: &str, id: usize, to: &str, sdp: &str) -> Vec<u8> {
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} sip:{user}@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{method}{id}\r\nMax-Forwards: 70\r\n\
         From: <sip:+49170{id:07}@{local}>;tag=l{id}\r\nTo: {to}\r\nCall-ID: load{id}@{local}\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:load@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
    .into_bytes()
}

fn report(calls: &[Call], rate: f64) -> ExitCode {
    let ranks = |times: Vec<Duration>| {
        let mut ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let rank = |share: f64| ms.get(((ms.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied().unwrap_or(f64::NAN);
        format!("{{\"p50\":{:.2},\"p95\":{:.2},\"p99\":{:.2},\"max\":{:.2}}}", rank(0.5), rank(0.95), rank(0.99), rank(1.0))
    };
    let answered: Vec<Duration> = calls.iter().filter_map(|call| call.answered).collect();
    let heard: Vec<Duration> = calls.iter().filter_map(|call| call.heard).collect();
    let whole = heard.len() == calls.len() && answered.len() == calls.len();
    println!(
        "{{\"calls\":{},\"rate\":{rate},\"answered\":{},\"heard\":{},\"invite_to_200_ms\":{},\"invite_to_first_packet_ms\":{}}}",
        calls.len(),
        answered.len(),
        heard.len(),
        ranks(answered),
        ranks(heard)
    );
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Long enough for a few prompts to overlap at 20 calls a second.
const TALK: Duration = Duration::from_secs(4);
