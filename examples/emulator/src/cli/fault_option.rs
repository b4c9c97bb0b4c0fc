// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The option `--fault CALL=FAULT[*N]`.

use overshoot_emulator::{Call, Fault, LeaveAction, Times};

use crate::cli::durations::milliseconds;

/// Parses `CALL=FAULT[*N]`.
pub(super) fn parse(text: &str) -> Result<(Call, Fault, Times), String> {
    let (call, rest) = text.split_once('=').ok_or("expected CALL=FAULT")?;
    let call = Call::ALL
        .into_iter()
        .find(|known| known.name() == call)
        .ok_or_else(|| format!("unknown call `{call}`"))?;
    let (name, times) = match rest.split_once('*') {
        None => (rest, Times::Once),
        Some((name, "always")) => (name, Times::Always),
        Some((name, times)) => {
            let times = times
                .parse()
                .map_err(|_| "N must be a number or `always`")?;
            (name, Times::N(times))
        }
    };
    let only = |of: &[Call], fault: Fault| {
        if of.contains(&call) {
            Ok(fault)
        } else {
            let of: Vec<&str> = of.iter().map(|of| of.name()).collect();
            Err(format!(
                "the fault `{name}` is only for {}",
                of.join(" and ")
            ))
        }
    };
    // These calls have an SDP answer.
    let answers = &[Call::Create, Call::Signal];
    let fault = match name {
        "hang" => Fault::Hang,
        "reset" => Fault::Reset,
        "no-video" => only(answers, Fault::AnswerWithoutVideo)?,
        "wrong-fingerprint" => only(answers, Fault::WrongFingerprint)?,
        "truncated" => Fault::Truncated,
        "html" => Fault::Body {
            body: "<html><body>Please sign in.</body></html>".to_owned(),
            content_type: "text/html".to_owned(),
        },
        "deaf" => only(answers, Fault::DeafMedia)?,
        "deaf-dtls" => only(answers, Fault::DeafDtls)?,
        "garbage-sdp" => only(answers, Fault::GarbageSdp)?,
        "inactive" => only(answers, Fault::InactiveAnswer)?,
        "loose-sdp" => only(answers, Fault::LooseAnswer)?,
        "refuse-key" => only(&[Call::Socket], Fault::RefuseKey)?,
        "silent" => only(&[Call::Socket, Call::Signal], Fault::Silent)?,
        "expired-token" => only(&[Call::Create, Call::Keepalive], Fault::ExpiredToken)?,
        "no-answer" => only(&[Call::Signal], Fault::NoAnswer)?,
        "leave-disconnect" => only(&[Call::Signal], Fault::Leave(LeaveAction::Disconnect))?,
        "leave-resume" => only(&[Call::Signal], Fault::Leave(LeaveAction::Resume))?,
        "leave-reconnect" => only(&[Call::Signal], Fault::Leave(LeaveAction::Reconnect))?,
        "breaks-off" => only(&[Call::Chat], Fault::BreaksOff)?,
        "stalls" => only(&[Call::Chat], Fault::Stalls)?,
        _ => match (name.split_once('-'), name.parse()) {
            (Some(("delay", delay)), _) => Fault::Delay(milliseconds(delay)?),
            (Some(("drip", pause)), _) => Fault::Drip(milliseconds(pause)?),
            (None, Ok(code)) if (200..=599).contains(&code) => match call {
                Call::Chat => Fault::chat(code, &format!("upstream_http_{code}")),
                Call::Get | Call::Balance | Call::Pricing => Fault::detail(code, "injected"),
                _ => Fault::status(code),
            },
            _ => return Err(format!("unknown fault `{name}`")),
        },
    };
    Ok((call, fault, times))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn faults_are_read() {
        assert_eq!(
            parse("create=503*2"),
            Ok((Call::Create, Fault::status(503), Times::N(2)))
        );
        assert_eq!(
            parse("chat=504"),
            Ok((
                Call::Chat,
                Fault::chat(504, "upstream_http_504"),
                Times::Once
            ))
        );
        assert_eq!(
            parse("chat=stalls"),
            Ok((Call::Chat, Fault::Stalls, Times::Once))
        );
        assert_eq!(
            parse("socket=refuse-key"),
            Ok((Call::Socket, Fault::RefuseKey, Times::Once))
        );
        assert_eq!(
            parse("keepalive=hang*always"),
            Ok((Call::Keepalive, Fault::Hang, Times::Always))
        );
        assert_eq!(
            parse("signal=leave-resume"),
            Ok((Call::Signal, Fault::Leave(LeaveAction::Resume), Times::Once))
        );
        assert_eq!(
            parse("delete=delay-250"),
            Ok((
                Call::Delete,
                Fault::Delay(Duration::from_millis(250)),
                Times::Once
            ))
        );
        for bad in [
            "create",
            "nobody=503",
            "create=no",
            "create=503*x",
            "models=deaf",
            "create=no-answer",
            "create=99",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
