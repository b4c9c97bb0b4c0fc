//! LiveKit's signalling, with the media of a room, as API v1 has it; and stopping on the way there.

use std::time::Duration;

use overshoot_emulator::{Call, EndReason, Fault, LeaveAction, SignalMessage, Times};

use super::fault::{page, retry_after, short_lease};
use super::row::{Row, row_v1};
use super::scene::Scene;
use super::v1::{LATE, LOST, TWO_STREAMS, refusal};

/// Resumed, which nobody notices.
const RESUMED: &str = "models=1 create=1 signal=2 delete=1";

fn on_signal(scene: &Scene, message: SignalMessage) {
    let control = &scene.service.control;
    assert!(control.send_on_signal(&scene.id(), message), "a room");
}

/// What happens to the signalling while it streams.
fn streaming(what: &str, message: SignalMessage) -> Row {
    row_v1(format!("room {what}")).then(move |scene| on_signal(scene, message.clone()))
}

fn at_first(what: &str, fault: Fault, times: Times) -> Row {
    row_v1(format!("room {what}")).fault(Call::Signal, fault, times)
}

pub fn rows() -> Vec<Row> {
    let mut rows = while_it_streams();
    rows.extend(on_the_way());
    rows.extend(stopping());
    rows
}

fn while_it_streams() -> Vec<Row> {
    let lost = |what: &str, message, told: &str| {
        streaming(what, message)
            .tells(told)
            .states(LOST)
            .requests(TWO_STREAMS)
    };
    let leave = SignalMessage::Leave;
    vec![
        // LiveKit's pings are given up after 15 s.
        row_v1("room frozen")
            .then(|scene| scene.proxy.freeze())
            .requests("models=1 create=1 signal=2 keepalive=0.. delete=1"),
        row_v1("media cut for 60 s")
            .then(|scene| {
                scene.wait_for_reports();
                let control = &scene.service.control;
                assert!(control.cut_media(&scene.id(), Duration::from_secs(60)));
            })
            .tells("media media | network is down")
            .states(LOST)
            .requests(TWO_STREAMS),
        streaming("told to resume", leave(LeaveAction::Resume)).requests(RESUMED),
        streaming("closed", SignalMessage::Close).requests(RESUMED),
        streaming("reset", SignalMessage::Reset).requests(RESUMED),
        row_v1("room dropped")
            .then(|scene| scene.proxy.end())
            .requests(RESUMED),
        streaming("new token", SignalMessage::RefreshToken),
        lost(
            "told to reconnect",
            leave(LeaveAction::Reconnect),
            "network room | the element connects again",
        ),
        lost(
            "told to leave",
            leave(LeaveAction::Disconnect),
            "stream-ended room | removed",
        ),
        lost(
            "garbage",
            SignalMessage::Binary(vec![0xff; 64]),
            "protocol room | can't be read",
        ),
        row_v1("room resumed by a server that is started again")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(Call::Signal, refusal(503), Times::N(2));
                on_signal(scene, SignalMessage::Close);
            })
            .requests("models=1 create=1 signal=4 delete=1"),
        row_v1("room not resumed")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(Call::Signal, refusal(401), Times::Once);
                on_signal(scene, SignalMessage::Close);
            })
            .tells("network room | could not be resumed")
            .states(LOST)
            .requests("models=2 create=2 signal=3 delete=2"),
        // The first one shows that the token is the service's to mend.
        row_v1("room token expired after a loss")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(Call::Create, Fault::ExpiredToken, Times::Once);
                assert!(control.end_stream(&scene.id(), EndReason::LeaseExpired));
            })
            .tells("stream-ended room")
            .tells("not-authorized room 401 | refused the token")
            .states(LOST)
            .requests("models=3 create=3 signal=3 delete=3"),
    ]
}

fn on_the_way() -> Vec<Row> {
    let leave = |action| Fault::Leave(action);
    let mut rows = vec![
        at_first("refuses the token", refusal(401), Times::Always)
            .tells("not-authorized room 401 | refused the token")
            .states("connecting closed"),
        // An older server knows the other form only.
        at_first("of an older server", refusal(404), Times::Once).requests(RESUMED),
        at_first(
            "garbage at the door",
            page("<html>Please sign in.</html>"),
            Times::Always,
        )
        .tells("protocol room 200")
        .states("connecting closed"),
        at_first(
            "answer without video",
            Fault::AnswerWithoutVideo,
            Times::Always,
        )
        .tells("protocol connect | refuses the video")
        .states("connecting closed"),
        at_first("answer that is no SDP", Fault::GarbageSdp, Times::Always)
            .tells("protocol connect | no video")
            .states("connecting closed"),
    ];
    for (what, fault, told) in [
        (
            "ICE never completes",
            Fault::DeafMedia,
            "media connect | turn-servers",
        ),
        (
            "DTLS never completes",
            Fault::DeafDtls,
            "media connect | turn-servers",
        ),
        (
            "offer not answered",
            Fault::NoAnswer,
            "media connect | in time",
        ),
        ("hang", Fault::Hang, "timeout room"),
        ("silent", Fault::Silent, "timeout room"),
        (
            "wrong fingerprint",
            Fault::WrongFingerprint,
            "media connect | DTLS fingerprint",
        ),
        (
            "at once told to leave",
            leave(LeaveAction::Disconnect),
            "stream-ended room | removed",
        ),
        (
            "at once told to resume",
            leave(LeaveAction::Resume),
            "network room",
        ),
        (
            "at once told to reconnect",
            leave(LeaveAction::Reconnect),
            "network room",
        ),
        ("429", retry_after(1), "busy room 429"),
        ("500", refusal(500), "server room 500"),
        ("503", refusal(503), "server room 503"),
        ("reset at first", Fault::Reset, "network room"),
    ] {
        rows.push(
            at_first(what, fault, Times::Once)
                .tells(told)
                .states(LATE)
                .requests(TWO_STREAMS),
        );
    }
    rows.push(
        // Both forms.
        at_first("404", refusal(404), Times::N(2))
            .tells("not-found room 404")
            .states(LATE)
            .requests("models=2 create=2 signal=3 delete=2"),
    );
    rows
}

/// At each step of the way to the first answer.
fn stopping() -> Vec<Row> {
    let stopped = |what: &str, call, fault| {
        row_v1(format!("stopped while {what}")).fault(call, fault, Times::Always)
    };
    let unconnected =
        |what: &str, call, fault| stopped(what, call, fault).states("connecting closed");
    let not_there = Fault::Body {
        body: r#"{"state":"active","last_frame_at_ms":null}"#.to_owned(),
        content_type: "application/json".to_owned(),
    };
    let in_the_room = |scene: &Scene| {
        let seen = scene.service.control.snapshot();
        seen.streams
            .last()
            .is_some_and(|stream| !stream.joins.is_empty())
    };
    vec![
        unconnected("models hangs", Call::Models, Fault::Hang)
            .stops_when(|scene| scene.asked(Call::Models) == 1)
            .requests("models=1"),
        unconnected("create hangs", Call::Create, Fault::Hang)
            .stops_when(|scene| scene.asked(Call::Create) == 1)
            .requests("models=1 create=1"),
        // The creation is waited for, and undone.
        unconnected(
            "create is slow",
            Call::Create,
            Fault::Delay(Duration::from_millis(400)),
        )
        .stops_when(|scene| scene.asked(Call::Create) == 1)
        .requests("models=1 create=1 signal=0.. delete=1"),
        unconnected("create is to be tried again", Call::Create, refusal(503))
            .stops_when(|scene| scene.asked(Call::Create) == 1)
            .requests("models=1 create=1"),
        unconnected("the join hangs", Call::Signal, Fault::Hang)
            .stops_when(|scene| scene.asked(Call::Signal) == 1),
        unconnected("the room is silent", Call::Signal, Fault::Silent)
            .stops_when(|scene| scene.asked(Call::Signal) == 1),
        unconnected(
            "the offer waits for its answer",
            Call::Signal,
            Fault::NoAnswer,
        )
        .stops_when(in_the_room),
        unconnected("ICE is under way", Call::Signal, Fault::DeafMedia).stops_when(in_the_room),
        unconnected("DTLS is under way", Call::Signal, Fault::DeafDtls).stops_when(in_the_room),
        stopped("no frame has come", Call::Get, not_there)
            .stops_when(|scene| scene.is("streaming") && scene.asked(Call::Get) >= 3)
            .requests("models=1 create=1 signal=1 get=3.. chat=0 delete=1"),
        stopped("a look hangs", Call::Get, Fault::Hang)
            .stops_when(|scene| scene.is("streaming"))
            .requests("models=1 create=1 signal=1 get=1 chat=0 delete=1"),
        stopped("a question hangs", Call::Chat, Fault::Hang)
            .stops_when(|scene| scene.asked(Call::Chat) == 1)
            .requests("models=1 create=1 signal=1 chat=1 delete=1"),
        stopped(
            "a question is to be asked again",
            Call::Chat,
            Fault::chat(500, "x"),
        )
        .stops_when(|scene| scene.asked(Call::Chat) == 2)
        .tells("server ask 500")
        .requests("models=1 create=1 signal=1 chat=2 delete=1"),
        stopped("an answer stalls", Call::Chat, Fault::Stalls)
            .properties("stream-partial=true")
            .stops_when(|scene| {
                !scene
                    .pipeline
                    .element_messages("overshoot-partial")
                    .is_empty()
            }),
        stopped("keepalive hangs", Call::Keepalive, Fault::Hang)
            .config(short_lease)
            .stops_when(|scene| scene.asked(Call::Keepalive) == 1)
            .requests("models=1 create=1 signal=1 keepalive=1 delete=1"),
        stopped("balance hangs", Call::Balance, Fault::Hang)
            .config(short_lease)
            .stops_when(|scene| scene.asked(Call::Balance) == 1)
            .requests("models=1 create=1 signal=1 keepalive=1 balance=1 delete=1"),
        row_v1("stopped while the room is to be resumed")
            .then(|scene| {
                let control = &scene.service.control;
                control.inject(Call::Signal, Fault::Hang, Times::Always);
                on_signal(scene, SignalMessage::Close);
            })
            .stops_when(|scene| scene.asked(Call::Signal) == 2)
            .requests(RESUMED),
    ]
}
