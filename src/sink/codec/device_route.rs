// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The elements for video in the memory of a device: to system memory, or to an encoder that reads this memory.

use super::device_memory::DeviceMemory;

/// One way of frames through the device.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// Elements that scale on the device.
    pub scale: &'static [&'static str],
    /// Used instead of `scale` for frames that are not [plain](super::device_memory::DeviceInput::is_plain): OpenGL's
    /// elements do not take interlaced frames (1.22, tested).
    pub unscaled: &'static [&'static str],
    /// The memory in which they can leave their frames.
    pub memory: DeviceMemory,
    /// The element that downloads from it. `None`: they also output system memory.
    pub download: Option<&'static str>,
    /// Elements that bring frames from system memory to the first one of `direct`.
    pub upload: &'static [&'static str],
    /// Elements that scale, turn and convert frames for an encoder that reads `memory`.
    pub direct: &'static [&'static str],
}

impl Route {
    /// All elements of the way to system memory, in their order.
    pub fn elements(&self) -> impl Iterator<Item = &'static str> {
        self.scale.iter().copied().chain(self.download)
    }

    /// One element does all.
    const fn one(element: &'static [&'static str], memory: DeviceMemory) -> Self {
        Self {
            scale: element,
            unscaled: element,
            memory,
            download: None,
            upload: &[],
            direct: element,
        }
    }

    /// One element does all but for system memory.
    const fn with_transfer(
        element: &'static [&'static str],
        memory: DeviceMemory,
        upload: &'static [&'static str],
        download: &'static str,
    ) -> Self {
        Self {
            scale: element,
            unscaled: &[],
            memory,
            download: Some(download),
            upload,
            direct: element,
        }
    }
}

/// The ways from this memory, the best one first, and where their elements come from.
pub fn routes(memory: DeviceMemory) -> (&'static [Route], &'static str) {
    use DeviceMemory::{Cuda, D3d11, D3d12, DmaBuf, Gl, Nvmm, Va};
    match memory {
        // glshader only scales here. glcolorscale (1.22, tested) cannot change the size any more after frames whose size
        // it kept.
        Gl => (
            const {
                &[Route {
                    scale: &["glcolorconvert", "glshader"],
                    unscaled: &[],
                    memory: Gl,
                    download: Some("gldownload"),
                    upload: &["glupload"],
                    // Behind the scaler, glvideoflip (1.22, tested) outputs black pictures after a change of both size and
                    // direction.
                    direct: &[
                        "glcolorconvert",
                        "glvideoflip",
                        "glshader",
                        "glcolorconvert",
                    ],
                }]
            },
            "Debian: gstreamer1.0-gl",
        ),
        DmaBuf => (
            const {
                &[
                    Route::one(&["vapostproc"], Va),
                    Route {
                        scale: &["glupload", "glcolorconvert", "glshader"],
                        unscaled: &["glupload"],
                        memory: Gl,
                        download: Some("gldownload"),
                        upload: &[],
                        direct: &[
                            "glupload",
                            "glcolorconvert",
                            "glvideoflip",
                            "glshader",
                            "glcolorconvert",
                        ],
                    },
                ]
            },
            "Debian: gstreamer1.0-plugins-bad for VA-API, or gstreamer1.0-gl",
        ),
        Va => (
            const { &[Route::one(&["vapostproc"], Va)] },
            "Debian: gstreamer1.0-plugins-bad",
        ),
        Cuda => (
            const {
                &[Route::with_transfer(
                    &["cudaconvertscale"],
                    Cuda,
                    &["cudaupload"],
                    "cudadownload",
                )]
            },
            "Debian: gstreamer1.0-plugins-bad",
        ),
        Nvmm => (
            const {
                &[
                    Route::one(&["nvvidconv"], Nvmm),
                    Route::one(&["nvvideoconvert"], Nvmm),
                ]
            },
            "NVIDIA: nvidia-l4t-gstreamer on Jetson, or DeepStream",
        ),
        D3d11 => (
            const {
                &[Route::with_transfer(
                    &["d3d11convert"],
                    D3d11,
                    &["d3d11upload"],
                    "d3d11download",
                )]
            },
            "GStreamer's bad plugins for Windows",
        ),
        D3d12 => (
            const {
                &[Route::with_transfer(
                    &["d3d12convert"],
                    D3d12,
                    &["d3d12upload"],
                    "d3d12download",
                )]
            },
            "GStreamer's bad plugins for Windows, 1.26 or newer",
        ),
    }
}
