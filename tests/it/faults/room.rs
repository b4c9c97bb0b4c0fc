// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Faults of a LiveKit room's signalling and media on API v1, and stopping at each step towards the first answer.

use std::time::Duration;

use overshoot_emulator::{Call, EndReason, Fault, LeaveAction, SignalMessage, Times};

use super::fault::{html_page, retry_after, short_lease};
use super::row::{Row, row_v1};
use super::test_bed::TestBed;
use super::v1::{LOST_STATES, SECOND_ATTEMPT_STATES, TWO_STREAM_REQUESTS, refusal};

/// The requests if the signalling connection is resumed. The application does not notice that.
const RESUMED_REQUESTS: &str = "models=1 create=1 signal=2 delete=1";

/// Lets the server send this on the signalling connection.
pub fn send_on_signal(test_bed: &TestBed, message: SignalMessage) {
    let control = &test_bed.service.control;
    assert!(
        control.send_on_signal(&test_bed.stream_id(), message),
        "a room"
    );
}

/// The server sends this message while the element streams.
fn streaming(what: &str, message: SignalMessage) -> Row {
    row_v1(format!("room {what}")).then(move |test_bed| send_on_signal(test_bed, message.clone()))
}

/// The signalling fails like this from the start.
fn at_first(what: &str, fault: Fault, times: Times) -> Row {
    row_v1(format!("room {what}")).fault(Call::Signal, fault, times)
}

pub fn rows() -> Vec<Row> {
    let mut rows = while_it_streams();
    rows.extend(while_connecting());
    rows.extend(stopping());
    rows
}

fn while_it_streams() -> Vec<Row> {
    let lost = |what: &str, signal, message: &str| {
        streaming(what, signal)
            .posts(message)
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS)
    };
    let leave = SignalMessage::Leave;
    vec![
        // The element gives up the connection after 15 s without answers to its LiveKit pings.
        row_v1("room frozen")
            .then(|test_bed| test_bed.proxy.freeze())
            .requests("models=1 create=1 signal=2 keepalive=0.. delete=1"),
        row_v1("media cut for 60 s")
            .then(|test_bed| {
                test_bed.wait_for_reports();
                let control = &test_bed.service.control;
                assert!(control.cut_media(&test_bed.stream_id(), Duration::from_secs(60)));
            })
            .posts("media media | network is down")
            .states(LOST_STATES)
            .requests(TWO_STREAM_REQUESTS),
        streaming("server requests resume", leave(LeaveAction::Resume)).requests(RESUMED_REQUESTS),
        streaming("closed", SignalMessage::Close).requests(RESUMED_REQUESTS),
        streaming("reset", SignalMessage::Reset).requests(RESUMED_REQUESTS),
        row_v1("room dropped")
            .then(|test_bed| test_bed.proxy.close_websocket())
            .requests(RESUMED_REQUESTS),
        row_v1("room join instead of resume")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Signal, Fault::JoinInsteadOfResume, Times::Always);
                send_on_signal(test_bed, SignalMessage::Close);
            })
            .requests(RESUMED_REQUESTS),
        streaming("new token", SignalMessage::RefreshToken),
        streaming("mutes the track", SignalMessage::Mute(true))
            .posts("media room | muted the video track"),
        streaming("ends a mute", SignalMessage::Mute(false)),
        streaming("removes the track", SignalMessage::Unpublish)
            .posts("media room | removed the video track"),
        lost(
            "server requests reconnect",
            leave(LeaveAction::Reconnect),
            "network room | the element connects again",
        ),
        lost(
            "server requests leave",
            leave(LeaveAction::Disconnect),
            "stream-ended room | removed",
        ),
        lost(
            "garbage",
            SignalMessage::Binary(vec![0xff; 64]),
            "protocol room | can't be read",
        ),
        row_v1("room resumed by a server that is started again")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Signal, refusal(503), Times::N(2));
                send_on_signal(test_bed, SignalMessage::Close);
            })
            .requests("models=1 create=1 signal=4 delete=1"),
        row_v1("room not resumed")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Signal, refusal(401), Times::Once);
                send_on_signal(test_bed, SignalMessage::Close);
            })
            .posts("network room | could not be resumed")
            .states(LOST_STATES)
            .requests("models=2 create=2 signal=3 delete=2"),
        // The first stream worked, so the element knows that the service can give a valid token.
        row_v1("room token expired after a loss")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Create, Fault::ExpiredToken, Times::Once);
                assert!(control.end_stream(&test_bed.stream_id(), EndReason::LeaseExpired));
            })
            .posts("stream-ended room")
            .posts("not-authorized room 401 | refused the token")
            .states(LOST_STATES)
            .requests("models=3 create=3 signal=3 delete=3"),
    ]
}

fn while_connecting() -> Vec<Row> {
    let leave = |action| Fault::Leave(action);
    let mut rows = vec![
        at_first("refuses the token", refusal(401), Times::Always)
            .posts("not-authorized room 401 | The server says: injected.")
            .states("connecting closed"),
        // An older server supports only the older form of the protocol.
        at_first("of an older server", refusal(404), Times::Once).requests(RESUMED_REQUESTS),
        at_first(
            "garbage at the door",
            html_page("<html>Please sign in.</html>"),
            Times::Always,
        )
        .posts("protocol room 200")
        .states("connecting closed"),
        at_first(
            "answer without video",
            Fault::AnswerWithoutVideo,
            Times::Always,
        )
        .posts("protocol connect | refuses the video")
        .states("connecting closed"),
        at_first("inactive answer", Fault::InactiveAnswer, Times::Always)
            .posts("protocol connect | refuses the video (a=inactive)")
            .states("connecting closed"),
        at_first("loose SDP", Fault::LooseAnswer, Times::Always),
        at_first("answer that is no SDP", Fault::GarbageSdp, Times::Always)
            .posts("protocol connect | no video")
            .states("connecting closed"),
    ];
    for (what, fault, message) in [
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
            "server requests leave at once",
            leave(LeaveAction::Disconnect),
            "stream-ended room | removed",
        ),
        (
            "server requests resume at once",
            leave(LeaveAction::Resume),
            "network room",
        ),
        (
            "server requests reconnect at once",
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
                .posts(message)
                .states(SECOND_ATTEMPT_STATES)
                .requests(TWO_STREAM_REQUESTS),
        );
    }
    rows.push(
        // The server rejects both forms of the protocol.
        at_first("404", refusal(404), Times::N(2))
            .posts("not-found room 404")
            .states(SECOND_ATTEMPT_STATES)
            .requests("models=2 create=2 signal=3 delete=2"),
    );
    rows
}

/// Stopping at each step towards the first answer.
fn stopping() -> Vec<Row> {
    let stopped = |what: &str, call, fault| {
        row_v1(format!("stopped while {what}")).fault(call, fault, Times::Always)
    };
    let unconnected =
        |what: &str, call, fault| stopped(what, call, fault).states("connecting closed");
    let no_frame_yet = Fault::Body {
        body: r#"{"state":"active","last_frame_at_ms":null}"#.to_owned(),
        content_type: "application/json".to_owned(),
    };
    let in_the_room = |test_bed: &TestBed| {
        let seen = test_bed.service.control.snapshot();
        seen.streams
            .last()
            .is_some_and(|stream| !stream.joins.is_empty())
    };
    vec![
        unconnected("models hangs", Call::Models, Fault::Hang)
            .stops_when(|test_bed| test_bed.request_count(Call::Models) == 1)
            .requests("models=1"),
        unconnected("create hangs", Call::Create, Fault::Hang)
            .stops_when(|test_bed| test_bed.request_count(Call::Create) == 1)
            .requests("models=1 create=1"),
        // The element waits for the creation and then deletes the stream.
        unconnected(
            "create is slow",
            Call::Create,
            Fault::Delay(Duration::from_millis(400)),
        )
        .stops_when(|test_bed| test_bed.request_count(Call::Create) == 1)
        .requests("models=1 create=1 signal=0.. delete=1"),
        unconnected("create is to be tried again", Call::Create, refusal(503))
            .stops_when(|test_bed| test_bed.request_count(Call::Create) == 1)
            .requests("models=1 create=1"),
        unconnected("the join hangs", Call::Signal, Fault::Hang)
            .stops_when(|test_bed| test_bed.request_count(Call::Signal) == 1),
        unconnected("the room is silent", Call::Signal, Fault::Silent)
            .stops_when(|test_bed| test_bed.request_count(Call::Signal) == 1),
        unconnected(
            "the offer waits for its answer",
            Call::Signal,
            Fault::NoAnswer,
        )
        .stops_when(in_the_room),
        unconnected("ICE is under way", Call::Signal, Fault::DeafMedia).stops_when(in_the_room),
        unconnected("DTLS is under way", Call::Signal, Fault::DeafDtls).stops_when(in_the_room),
        stopped("no frame has come", Call::Get, no_frame_yet)
            .stops_when(|test_bed| {
                test_bed.is_in_state("streaming") && test_bed.request_count(Call::Get) >= 3
            })
            .requests("models=1 create=1 signal=1 get=3.. chat=0 delete=1"),
        stopped("a look hangs", Call::Get, Fault::Hang)
            .stops_when(|test_bed| test_bed.is_in_state("streaming"))
            .requests("models=1 create=1 signal=1 get=1 chat=0 delete=1"),
        stopped("a question hangs", Call::Chat, Fault::Hang)
            .stops_when(|test_bed| test_bed.request_count(Call::Chat) == 1)
            .requests("models=1 create=1 signal=1 chat=1 delete=1"),
        stopped(
            "a question is to be asked again",
            Call::Chat,
            Fault::chat(500, "x"),
        )
        .properties("model=Qwen/Qwen3-VL-8B-Instruct")
        .stops_when(|test_bed| test_bed.request_count(Call::Chat) == 2)
        .posts("server ask 500")
        .requests("models=1 create=1 signal=1 chat=2 delete=1"),
        stopped("an answer stalls", Call::Chat, Fault::Stalls)
            .properties("stream-partial=true")
            .stops_when(|test_bed| {
                !test_bed
                    .pipeline
                    .element_messages("overshoot-partial")
                    .is_empty()
            }),
        stopped("keepalive hangs", Call::Keepalive, Fault::Hang)
            .config(short_lease)
            .stops_when(|test_bed| test_bed.request_count(Call::Keepalive) == 1)
            .requests("models=1 create=1 signal=1 keepalive=1 delete=1"),
        stopped("balance hangs", Call::Balance, Fault::Hang)
            .config(short_lease)
            .stops_when(|test_bed| test_bed.request_count(Call::Balance) == 1)
            .requests("models=1 create=1 signal=1 keepalive=1 balance=1 delete=1"),
        row_v1("stopped while the room is to be resumed")
            .then(|test_bed| {
                let control = &test_bed.service.control;
                control.inject(Call::Signal, Fault::Hang, Times::Always);
                send_on_signal(test_bed, SignalMessage::Close);
            })
            .stops_when(|test_bed| test_bed.request_count(Call::Signal) == 2)
            .requests(RESUMED_REQUESTS),
    ]
}
