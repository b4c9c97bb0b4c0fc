// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Raw video in the memory of a device, such as a GPU, and the elements that bring it to system memory, where the other
//! elements of the encoding chain need it.

use super::device_route::{Route, routes};
use crate::session::error::{Error, Kind, Stage};

/// The memory of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceMemory {
    Gl,
    /// Linux's shared buffers, if their caps say so. Many sources that have them do not: these need no conversion.
    DmaBuf,
    Va,
    Cuda,
    /// NVIDIA's Jetson and DeepStream.
    Nvmm,
    D3d11,
    D3d12,
}

/// Video in the memory of a device, and its way to system memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceInput {
    pub memory: DeviceMemory,
    /// `None`: it is mapped into system memory as it is.
    pub route: Option<&'static Route>,
    /// Its frames are progressive, and their pixels are square. Not every device knows others.
    pub is_plain: bool,
}

impl DeviceMemory {
    pub const ALL: [Self; 7] = [
        Self::Gl,
        Self::DmaBuf,
        Self::Va,
        Self::Cuda,
        Self::Nvmm,
        Self::D3d11,
        Self::D3d12,
    ];

    /// The caps feature, by which elements say where their video is.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Gl => "memory:GLMemory",
            Self::DmaBuf => "memory:DMABuf",
            Self::Va => "memory:VAMemory",
            Self::Cuda => "memory:CUDAMemory",
            Self::Nvmm => "memory:NVMM",
            Self::D3d11 => "memory:D3D11Memory",
            Self::D3d12 => "memory:D3D12Memory",
        }
    }

    pub fn of_caps(caps: &gst::CapsRef) -> Option<Self> {
        let features = caps.features(0)?;
        Self::ALL
            .into_iter()
            .find(|memory| features.contains(memory.feature()))
    }

    /// Whether a way to system memory is installed.
    pub fn is_readable(self) -> bool {
        let is_complete = |route: &Route| route.elements().all(is_installed);
        routes(self).0.iter().any(is_complete)
    }

    /// Video with these caps, and its way to system memory.
    ///
    /// # Errors
    /// The elements are not installed.
    pub fn input(self, caps: &gst::CapsRef) -> Result<DeviceInput, Error> {
        let route = self.route(caps, is_installed)?;
        Ok(DeviceInput {
            memory: self,
            route,
            is_plain: is_plain(caps),
        })
    }

    fn route(
        self,
        caps: &gst::CapsRef,
        is_installed: impl Fn(&str) -> bool,
    ) -> Result<Option<&'static Route>, Error> {
        let (routes, package) = routes(self);
        let is_complete = |route: &&Route| route.elements().all(&is_installed);
        match (self, Layout::of_caps(caps)) {
            (Self::DmaBuf, Layout::Linear) => return Ok(None),
            // Those of VA-API's decoders are tiled. Other sources that do not say it are cameras, which are linear.
            (Self::DmaBuf, Layout::Unknown) => {
                return Ok(routes.iter().take(1).find(is_complete));
            }
            _ => {}
        }
        if let Some(route) = routes.iter().find(is_complete) {
            return Ok(Some(route));
        }
        let needed: Vec<_> = routes
            .iter()
            .map(|route| route.elements().collect::<Vec<_>>().join(" and "))
            .collect();
        Err(Error::new(
            Kind::InvalidSettings,
            Stage::Media,
            format!(
                "The video is in {}, and GStreamer's element {} to download it is missing: install it ({package}), or let the source deliver video in system memory.",
                self.feature(),
                needed.join(", or "),
            ),
        ))
    }
}

pub(super) fn is_installed(element: &str) -> bool {
    gst::ElementFactory::find(element).is_some()
}

fn is_plain(caps: &gst::CapsRef) -> bool {
    let video = gst_video::VideoInfo::from_caps(caps);
    video.is_ok_and(|video| !video.is_interlaced() && video.par() == gst::Fraction::new(1, 1))
}

/// How the pixels of a DMABuf are arranged.
enum Layout {
    /// In rows.
    Linear,
    Tiled,
    /// Before GStreamer 1.24, caps do not say it.
    Unknown,
}

/// The format in caps that say `drm-format` (1.24 and newer).
const DMA_DRM: &str = "DMA_DRM";

impl Layout {
    fn of_caps(caps: &gst::CapsRef) -> Self {
        match drm_format(caps) {
            None => Self::Unknown,
            Some(drm) => match of_drm_format(drm) {
                Some(_) => Self::Linear,
                None => Self::Tiled,
            },
        }
    }
}

fn drm_format(caps: &gst::CapsRef) -> Option<&str> {
    let structure = caps.structure(0)?;
    let is_drm = structure.get::<&str>("format") == Ok(DMA_DRM);
    is_drm.then(|| structure.get("drm-format").unwrap_or_default())
}

/// The format of a linear DMABuf by its `drm-format`: a code of Linux's drm_fourcc.h, and a modifier, which is 0 or
/// absent if the pixels are in rows.
fn of_drm_format(drm: &str) -> Option<&'static str> {
    let (code, modifier) = drm.split_once(':').unwrap_or((drm, "0x0"));
    let is_linear = modifier
        .strip_prefix("0x")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit == b'0'));
    let format = match code {
        "NV12" => "NV12",
        "NV21" => "NV21",
        "YU12" => "I420",
        "YV12" => "YV12",
        "YUYV" => "YUY2",
        "UYVY" => "UYVY",
        "P010" => "P010_10LE",
        "XR24" => "BGRx",
        "AR24" => "BGRA",
        "XB24" => "RGBx",
        "AB24" => "RGBA",
        _ => return None,
    };
    is_linear.then_some(format)
}

/// The caps of the same video if it is mapped into system memory as it is.
pub fn mapped_caps(caps: &gst::CapsRef) -> gst::Caps {
    let format = drm_format(caps).and_then(of_drm_format);
    let mut mapped = caps.to_owned();
    let caps = mapped.make_mut();
    caps.set_features_simple(None);
    if let (Some(structure), Some(format)) = (caps.structure_mut(0), format) {
        structure.set("format", format);
        structure.remove_field("drm-format");
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(text: &str) -> gst::Caps {
        text.parse().expect("caps")
    }

    /// The elements of the way, in their order; empty if the video is mapped. The error is the text.
    fn way(text: &str, installed: &[&str]) -> Result<Vec<&'static str>, String> {
        gst::init().expect("GStreamer");
        let caps = caps(text);
        let memory = DeviceMemory::of_caps(&caps).expect("device memory");
        let route = memory.route(&caps, |name| installed.contains(&name));
        let elements =
            |route: Option<&Route>| route.into_iter().flat_map(Route::elements).collect();
        route.map(elements).map_err(|error| error.message)
    }

    #[test]
    fn each_memory_has_its_elements() {
        for (feature, elements) in [
            (
                "GLMemory",
                &["glcolorconvert", "glshader", "gldownload"][..],
            ),
            ("VAMemory", &["vapostproc"]),
            ("CUDAMemory", &["cudaconvertscale", "cudadownload"]),
            ("NVMM", &["nvvidconv"]),
            ("NVMM", &["nvvideoconvert"]),
            ("D3D11Memory", &["d3d11convert", "d3d11download"]),
            ("D3D12Memory", &["d3d12convert", "d3d12download"]),
        ] {
            let text = format!("video/x-raw(memory:{feature}),format=NV12");
            assert_eq!(way(&text, elements).as_deref(), Ok(elements), "{feature}");
            let missing = way(&text, &[]).expect_err("missing");
            assert!(
                missing.contains(elements[0]) && missing.contains(feature),
                "{missing}"
            );
        }
        assert_eq!(
            DeviceMemory::of_caps(&caps("video/x-raw,format=NV12")),
            None
        );
        let meta = "video/x-raw(meta:GstVideoOverlayComposition),format=NV12";
        assert_eq!(DeviceMemory::of_caps(&caps(meta)), None);
    }

    #[test]
    fn the_documentation_names_all_elements() {
        let page = include_str!("../../../docs/encoded-input.md");
        for memory in DeviceMemory::ALL {
            let row = format!("| `{}` |", memory.feature());
            let row = page.lines().find(|line| line.starts_with(&row));
            let row = row.unwrap_or_else(|| panic!("{memory:?} is not in the table"));
            let all = |route: &Route| {
                route
                    .elements()
                    .chain(route.direct.iter().copied())
                    .collect::<Vec<_>>()
            };
            for element in routes(memory).0.iter().flat_map(all) {
                let named = row.contains(&format!("`{element}`"));
                // A DMABuf that OpenGL imported goes on as a texture.
                let is_gl = memory == DeviceMemory::DmaBuf && element != "glupload";
                let is_gl = is_gl && element.starts_with("gl") && row.contains("those of OpenGL");
                assert!(named || is_gl, "{row} lacks {element}");
            }
        }
    }

    #[test]
    fn linear_dmabufs_are_mapped() {
        let drm = |format| format!("video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format={format}");
        let va = &["vapostproc"][..];
        for (caps, installed, elements) in [
            (drm("NV12"), va, &[][..]),
            (drm("\"NV12:0x0000000000000000\""), va, &[]),
            (drm("\"NV12:0x0100000000000001\""), va, va),
            (drm("ZZZZ"), va, va),
            ("video/x-raw(memory:DMABuf),format=NV12".to_owned(), va, va),
            (
                "video/x-raw(memory:DMABuf),format=NV12".to_owned(),
                &[],
                &[],
            ),
        ] {
            assert_eq!(way(&caps, installed).as_deref(), Ok(elements), "{caps}");
        }
        let missing = way(&drm("\"NV12:0x0100000000000001\""), &[]).expect_err("missing");
        assert!(missing.contains("vapostproc, or glupload and"), "{missing}");
        assert_eq!(
            mapped_caps(&caps(&drm("YU12"))),
            caps("video/x-raw,format=I420")
        );
        let old = "video/x-raw(memory:DMABuf),format=NV12,width=4";
        assert_eq!(
            mapped_caps(&caps(old)),
            caps("video/x-raw,format=NV12,width=4")
        );
    }
}
