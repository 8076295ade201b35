//! Which peer a socket may be tied to, and when it must be let go.

use super::*;

const SOCKET: SocketId = SocketId(0);

#[test]
fn a_socket_is_tied_to_a_peer_that_sends_from_where_it_is_sent_to_until_its_port_closes() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    assert_eq!(bench.settled, []);
    bench.run(100, &mut [&mut caller]);
    assert_eq!(bench.settled, [(SOCKET, Some(caller.address))], "said once");
    bench.tell(MediaCommand::Close { port: CALLER });
    assert_eq!(bench.settled[1..], [(SOCKET, None)]);
}

#[test]
fn another_plan_lets_the_socket_go_until_it_stands() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    bench.run(40, &mut [&mut caller]);
    let moved = SocketAddr::from(([192, 0, 2, 77], 7_000));
    bench.tell(MediaCommand::Replan { port: CALLER, plan: MediaPlan { remote: moved, ..caller.plan.clone() } });
    bench.run(40, &mut [&mut caller]);
    assert_eq!(bench.settled[1..], [(SOCKET, None)], "both are heard");
    bench.tell(MediaCommand::Commit { port: CALLER });
    caller.address = moved;
    bench.run(40, &mut [&mut caller]);
    assert_eq!(bench.settled[2..], [(SOCKET, Some(moved))]);
}

#[test]
fn a_socket_stays_free_where_the_peer_sends_from_another_port_than_it_hears_on() {
    let mut bench = Bench::new(true);
    let mut caller = bench.phone(CALLER, CodecKind::Pcmu, CALLER_HZ);
    caller.address.set_port(9_000);
    bench.run(400, &mut [&mut caller]);
    assert_eq!(bench.settled, []);
}
