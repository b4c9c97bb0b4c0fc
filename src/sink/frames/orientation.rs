// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The orientation of the picture: how it must be turned to be upright. Sources report it in the tag
//! `image-orientation`; phones record portrait video this way.

use gst_video::VideoOrientationMethod as Method;

/// The name of the event and of the sample's info that carry an orientation.
const NAME: &str = "overshoot-orientation";
const METHOD: &str = "method";

/// How a picture must be turned to be upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(Method);

impl Default for Orientation {
    fn default() -> Self {
        Self(Method::Identity)
    }
}

impl Orientation {
    /// The value of videoflip's property `video-direction`.
    pub fn method(self) -> Method {
        self.0
    }

    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// Whether width and height are exchanged.
    pub fn swaps_sides(self) -> bool {
        matches!(
            self.0,
            Method::_90r | Method::_90l | Method::UlLr | Method::UrLl
        )
    }

    /// Notes the orientation in a sample, so that the sample keeps it wherever it waits.
    pub fn attach_to(self, sample: &mut gst::Sample) {
        if !self.is_upright() {
            sample.make_mut().set_info(Some(self.structure()));
        }
    }

    /// The orientation of a sample.
    pub fn of_sample(sample: &gst::SampleRef) -> Self {
        sample.info().and_then(Self::parse).unwrap_or_default()
    }

    /// An event for the encoding chain: the frames after it have this orientation.
    pub fn event(self) -> gst::Event {
        gst::event::CustomDownstream::new(self.structure())
    }

    /// `None`: this is another event.
    pub fn of_event(event: &gst::EventRef) -> Option<Self> {
        event.structure().and_then(Self::parse)
    }

    fn structure(self) -> gst::Structure {
        gst::Structure::builder(NAME).field(METHOD, self.0).build()
    }

    fn parse(structure: &gst::StructureRef) -> Option<Self> {
        let named = structure.name() == NAME;
        named.then(|| structure.get(METHOD).ok().map(Self))?
    }
}

/// The orientation according to the events of the input. A tag of the stream overrides one of the whole file.
#[derive(Debug, Default)]
pub struct OrientationTags {
    stream_id: Option<String>,
    stream: Option<Method>,
    global: Option<Method>,
}

impl OrientationTags {
    /// Follows an event of the input. A tag event replaces the one before it of the same scope, as
    /// GStreamer's own videoflip understands them.
    pub fn follow(&mut self, event: &gst::EventRef) {
        match event.view() {
            gst::EventView::StreamStart(start)
                if self.stream_id.as_deref() != Some(start.stream_id()) =>
            {
                *self = Self {
                    stream_id: Some(start.stream_id().to_owned()),
                    ..Self::default()
                };
            }
            gst::EventView::Tag(tag) => {
                let tags = tag.tag();
                let method = Method::from_tag(tags);
                match tags.scope() {
                    gst::TagScope::Global => self.global = method,
                    _ => self.stream = method,
                }
            }
            _ => {}
        }
    }

    pub fn current(&self) -> Orientation {
        let method = self.stream.or(self.global);
        method.map(Orientation).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(scope: gst::TagScope, orientation: Option<&str>) -> gst::Event {
        let mut tags = gst::TagList::new();
        let tags_mut = tags.make_mut();
        tags_mut.set_scope(scope);
        tags_mut.add::<gst::tags::Title>(&"a title", gst::TagMergeMode::Replace);
        if let Some(orientation) = orientation {
            tags_mut.add::<gst::tags::ImageOrientation>(&orientation, gst::TagMergeMode::Replace);
        }
        gst::event::Tag::new(tags)
    }

    #[test]
    fn tags_of_the_stream_come_first() {
        use gst::TagScope::{Global, Stream};
        gst::init().expect("GStreamer");
        let mut tags = OrientationTags::default();
        let mut after = |event: gst::Event| {
            tags.follow(&event);
            tags.current().method()
        };
        let start = gst::event::StreamStart::new;
        assert_eq!(after(start("one")), Method::Identity);
        assert_eq!(after(tag(Global, Some("rotate-180"))), Method::_180);
        assert_eq!(after(tag(Stream, Some("rotate-90"))), Method::_90r);
        assert_eq!(after(tag(Global, Some("rotate-270"))), Method::_90r);
        assert_eq!(after(start("one")), Method::_90r, "the same stream");
        assert_eq!(after(tag(Stream, None)), Method::_90l, "the global one");
        assert_eq!(after(tag(Stream, Some("sideways"))), Method::_90l);
        assert_eq!(after(tag(Stream, Some("rotate-0"))), Method::Identity);
        assert_eq!(after(tag(Stream, Some("flip-rotate-90"))), Method::UrLl);
        assert_eq!(after(start("two")), Method::Identity, "another stream");
    }

    #[test]
    fn samples_and_events_carry_it() {
        gst::init().expect("GStreamer");
        let turned = Orientation(Method::_90l);
        let mut sample = gst::Sample::builder().build();
        assert!(Orientation::of_sample(&sample).is_upright());
        turned.attach_to(&mut sample);
        assert_eq!(Orientation::of_sample(&sample), turned);
        assert_eq!(Orientation::of_event(&turned.event()), Some(turned));
        assert_eq!(Orientation::of_event(&gst::event::Eos::new()), None);
    }
}
