// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Elements that scale, turn and convert frames in the memory of a device, for an encoder that reads this memory. No
//! frame goes through system memory.

use gst::glib;
use gst::prelude::*;
use gst_video::VideoOrientationMethod as Method;

use super::device_memory::is_installed;
use super::device_route::Route;
use super::encoder_settings::set;

/// The elements, from the device's frames to the encoder.
pub struct DeviceScaler {
    /// In their order. The last one is a capsfilter.
    pub elements: Vec<gst::Element>,
    /// What is set when the input changes.
    pub settings: ScalerSettings,
}

/// What is set when the input changes. It does not keep the elements alive.
pub struct ScalerSettings {
    turn: glib::WeakRef<gst::Element>,
    turn_property: &'static str,
    filter: glib::WeakRef<gst::Element>,
    /// The caps of the frames, without their size.
    caps: gst::Caps,
}

/// Properties that turn the picture. The second one is that of NVIDIA's scalers.
const TURN_PROPERTIES: [&str; 2] = ["video-direction", FLIP_METHOD];
const FLIP_METHOD: &str = "flip-method";

/// Whether an encoder of this factory reads the memory in which this route leaves its frames.
pub fn reads(encoder: &gst::ElementFactory, route: &Route) -> bool {
    let feature = route.memory.feature();
    let reads = |template: gst::StaticPadTemplate| {
        template.direction() == gst::PadDirection::Sink
            && template
                .caps()
                .iter_with_features()
                .any(|(_, features)| features.contains(feature))
    };
    encoder.static_pad_templates().into_iter().any(reads)
}

impl DeviceScaler {
    /// `None` if elements are missing, or if they cannot turn pictures.
    pub fn new(route: &Route) -> Option<Self> {
        let make = |name: &str| gst::ElementFactory::make(name).build().ok();
        if !route.direct.iter().all(|name| is_installed(name)) {
            return None;
        }
        let mut elements: Vec<_> = route.direct.iter().filter_map(|name| make(name)).collect();
        let (turn, turn_property) = elements.iter().find_map(|element| {
            let has = |name: &&&str| element.find_property(name).is_some();
            let property = TURN_PROPERTIES.iter().find(has)?;
            Some((element.downgrade(), *property))
        })?;
        let filter = make("capsfilter")?;
        let settings = ScalerSettings {
            turn,
            turn_property,
            filter: filter.downgrade(),
            // As in `webrtc::input_follower`, all remote peers get BT.601 with limited range.
            caps: gst::Caps::builder("video/x-raw")
                .features([route.memory.feature()])
                .field("format", gst::List::new(["NV12", "I420"]))
                .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
                .field("colorimetry", "bt601")
                .build(),
        };
        elements.push(filter);
        Some(Self { elements, settings })
    }
}

impl ScalerSettings {
    /// Sets how frames are turned, and their size after that, in pixels.
    pub fn apply(&self, method: Method, (width, height): (u32, u32)) {
        if let Some(turn) = self.turn.upgrade() {
            match self.turn_property {
                FLIP_METHOD => set(&turn, FLIP_METHOD, flip_method(method)),
                property => turn.set_property(property, method),
            }
        }
        let mut caps = self.caps.clone();
        if let Some(structure) = caps.make_mut().structure_mut(0) {
            structure.set("width", width as i32);
            structure.set("height", height as i32);
        }
        if let Some(filter) = self.filter.upgrade() {
            filter.set_property("caps", caps);
        }
    }
}

/// The value of `flip-method` by which nvvidconv and nvvideoconvert turn a picture so. It is not that of videoflip.
/// From NVIDIA's "Accelerated GStreamer" guide; no such element was tested.
fn flip_method(method: Method) -> &'static str {
    match method {
        Method::_90l => "1",
        Method::_180 => "2",
        Method::_90r => "3",
        Method::Horiz => "4",
        Method::UrLl => "5",
        Method::Vert => "6",
        Method::UlLr => "7",
        _ => "0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::codec::device_memory::DeviceMemory;
    use crate::sink::codec::device_route::routes;

    /// For each memory, the elements between the source and an encoder.
    #[test]
    fn frames_stay_on_their_device() {
        for (memory, chain, leaves) in [
            (
                DeviceMemory::Gl,
                &[
                    "glcolorconvert",
                    "glvideoflip",
                    "glshader",
                    "glcolorconvert",
                ][..],
                DeviceMemory::Gl,
            ),
            (DeviceMemory::DmaBuf, &["vapostproc"], DeviceMemory::Va),
            (DeviceMemory::Va, &["vapostproc"], DeviceMemory::Va),
            (
                DeviceMemory::Cuda,
                &["cudaconvertscale"],
                DeviceMemory::Cuda,
            ),
            (DeviceMemory::Nvmm, &["nvvidconv"], DeviceMemory::Nvmm),
            (DeviceMemory::D3d11, &["d3d11convert"], DeviceMemory::D3d11),
            (DeviceMemory::D3d12, &["d3d12convert"], DeviceMemory::D3d12),
        ] {
            let route = &routes(memory).0[0];
            assert_eq!((route.direct, route.memory), (chain, leaves), "{memory:?}");
            let transfers = |name: &&&str| name.ends_with("download") || name.ends_with("upload");
            assert_eq!(route.direct.iter().find(transfers), None, "{memory:?}");
        }
    }

    #[test]
    fn only_encoders_of_the_memory_are_used() {
        gst::init().expect("GStreamer");
        let vp8 = gst::ElementFactory::find("vp8enc").expect("vp8enc");
        for memory in DeviceMemory::ALL {
            assert!(!reads(&vp8, &routes(memory).0[0]), "{memory:?}");
        }
    }

    #[test]
    fn textures_are_scaled_and_turned() {
        gst::init().expect("GStreamer");
        let scaler = DeviceScaler::new(&routes(DeviceMemory::Gl).0[0]).expect("installed");
        scaler.settings.apply(Method::_90r, (180, 320));
        let filter = scaler.elements.last().expect("a capsfilter");
        let caps = filter.property::<gst::Caps>("caps").to_string();
        for part in [
            "memory:GLMemory",
            "width=(int)180",
            "height=(int)320",
            "bt601",
        ] {
            assert!(caps.contains(part), "{caps} lacks {part}");
        }
        let flip = &scaler.elements[1];
        let method = flip.property::<Method>("video-direction");
        assert_eq!(method, Method::_90r);
    }
}
