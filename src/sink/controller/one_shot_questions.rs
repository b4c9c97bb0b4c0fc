//! Questions that the application asks once: each is answered, if only by why it was not.

use gst::subclass::prelude::*;

use super::Controller;
use super::attempt::Attempt;
use crate::session::error::Error;
use crate::session::question::OneShotQuestion;
use crate::sink::OvershootSink;

impl Controller {
    pub(super) fn ask(&mut self, element: &OvershootSink, ask: OneShotQuestion) {
        let session = self.phase.attempt().and_then(Attempt::session);
        let streams = self.phase.stream_id().is_some();
        match session
            .filter(|_| streams)
            .map(|session| session.ask(ask.clone()))
        {
            Some(Ok(())) => self.open_questions.push(ask),
            Some(Err(ask)) => element
                .imp()
                .report_unanswered(&ask, "Too many questions wait already."),
            None => element.imp().report_unanswered(
                &ask,
                "There is no stream: ask while the state is streaming.",
            ),
        }
    }

    /// The answer is there.
    pub(super) fn close_question(&mut self, serial: u64) {
        self.open_questions.retain(|ask| ask.serial != serial);
    }

    /// The stream is lost: no open question gets an answer.
    pub(super) fn fail_open_questions(&mut self, element: &OvershootSink, error: Option<&Error>) {
        let why = error.map_or("The stream ended.", |error| &error.message);
        for ask in std::mem::take(&mut self.open_questions) {
            element.imp().report_unanswered(&ask, why);
        }
    }
}
