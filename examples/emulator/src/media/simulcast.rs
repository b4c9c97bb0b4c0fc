//! Which simulcast layer is looked at: the best one that comes.

use std::time::{Duration, Instant};

use str0m::media::Rid;

/// The names that LiveKit's clients give to layers, the smallest first.
const NAMES: [&str; 3] = ["q", "h", "f"];
/// A layer that was silent for so long was given up by its sender.
const SILENCE: Duration = Duration::from_secs(1);

/// What a frame's layer means.
#[derive(Debug, PartialEq)]
pub(crate) enum Layer {
    /// The one that is looked at, or the only one.
    Same,
    /// It is looked at from now on.
    New,
    /// Not looked at.
    Other,
}

/// The layers of one track.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    current: Option<(Rid, Instant)>,
}

impl Layers {
    /// A frame of that layer came.
    pub(crate) fn see(&mut self, rid: Option<Rid>, now: Instant) -> Layer {
        let Some(rid) = rid else { return Layer::Same };
        let seen = match self.current {
            None => Layer::New,
            Some((current, _)) if current == rid => Layer::Same,
            Some((current, last)) => {
                if rank(rid) > rank(current) || now.saturating_duration_since(last) > SILENCE {
                    Layer::New
                } else {
                    return Layer::Other;
                }
            }
        };
        self.current = Some((rid, now));
        seen
    }

    /// The one that is looked at.
    pub(crate) fn current(&self) -> Option<Rid> {
        self.current.map(|(rid, _)| rid)
    }
}

fn rank(rid: Rid) -> Option<usize> {
    NAMES.iter().position(|name| Rid::from(*name) == rid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_layer_wins_until_it_falls_silent() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let rid = |name: &str| Some(Rid::from(name));
        let mut layers = Layers::default();
        assert_eq!(layers.see(rid("h"), at(0)), Layer::New);
        assert_eq!(layers.see(rid("q"), at(10)), Layer::Other);
        assert_eq!(layers.see(rid("f"), at(20)), Layer::New);
        assert_eq!(layers.see(rid("h"), at(500)), Layer::Other);
        assert_eq!(layers.see(rid("h"), at(1_500)), Layer::New);
        assert_eq!(layers.see(rid("h"), at(1_600)), Layer::Same);
        assert_eq!(layers.current(), rid("h"));
    }

    #[test]
    fn without_layers_there_is_one() {
        let mut layers = Layers::default();
        assert_eq!(layers.see(None, Instant::now()), Layer::Same);
        assert_eq!(layers.current(), None);
    }
}
