//! What can go wrong with the WebRTC connection.

use std::time::Duration;

use overshoot_emulator::{Call, Codec, Fault, Times};

use super::row::{Row, row};

const CUT: &str = "connecting streaming reconnecting streaming closed";

fn cut(seconds: u64) -> Row {
    row(format!("media cut for {seconds} s")).then(move |scene| {
        // Of a service that never reported about what it gets, silence means nothing.
        scene.wait_for_reports();
        let control = &scene.service.control;
        let for_ = Duration::from_secs(seconds);
        assert!(control.cut_media(&scene.id(), for_));
        // A cut that heals is over before it is looked at.
        std::thread::sleep(for_.min(Duration::from_secs(11)));
    })
}

pub fn rows() -> Vec<Row> {
    let create = |what: &str, fault, times| row(what).fault(Call::Create, fault, times);
    let again = |what: &str, fault| {
        create(what, fault, Times::Once)
            .states("connecting reconnecting connecting streaming closed")
            .requests("create=2 socket=2 delete=2")
    };
    let to_a_room = |what: &str, fault| {
        create(what, fault, Times::Once)
            .tells("media connect | The video goes through a LiveKit room instead")
            .requests("create=2 socket=2 signal=1 delete=2")
    };
    let huge = format!(
        r#"{{"stream_id":"huge","webrtc":{{"type":"answer","sdp":"v=0\r\n{}"}}}}"#,
        r"a=x\r\n".repeat(100_000)
    );
    // Where the answer is of no use, the socket may be asked for before that is found out.
    vec![
        create(
            "answer without video",
            Fault::AnswerWithoutVideo,
            Times::Always,
        )
        .tells("protocol connect | refuses the video")
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1"),
        create("answer that is no SDP", Fault::GarbageSdp, Times::Always)
            .tells("protocol connect | no video")
            .states("connecting closed")
            .requests("create=1 socket=0.. delete=1"),
        create(
            "huge SDP",
            Fault::Body {
                body: huge,
                content_type: "application/json".to_owned(),
            },
            Times::Always,
        )
        .tells("protocol connect | no video")
        .states("connecting closed")
        .requests("create=1 socket=0.. delete=1 left=1"),
        create("answer larger than any", larger_than_any(), Times::Always)
            .tells("protocol create | larger than")
            .states("connecting closed")
            .requests("create=1 left=1"),
        row("no common codec")
            .config(|config| config.codecs = vec![Codec::Vp9])
            .tells("invalid-settings create 422 | no common codec")
            .states("connecting closed")
            .requests("create=1 models=1"),
        again("wrong fingerprint", Fault::WrongFingerprint)
            .tells("media connect | DTLS fingerprint"),
        // The service's own connection is given up for a room, which works.
        to_a_room("ICE never completes", Fault::DeafMedia),
        to_a_room("DTLS never completes", Fault::DeafDtls),
        // Where there is to be none, it is tried again.
        again("ICE never completes, without a room", Fault::DeafMedia)
            .properties("transport=webrtc")
            .tells("media connect | turn-servers"),
        // The element gives a silent connection up after 12 s, the service after 15.
        cut(2),
        cut(10),
        cut(60)
            .tells("media media | network is down")
            .states(CUT)
            .requests("create=2 socket=2 keepalive=0.. delete=2"),
    ]
}

pub fn larger_than_any() -> Fault {
    Fault::Body {
        body: " ".repeat(2 << 20),
        content_type: "application/json".to_owned(),
    }
}
