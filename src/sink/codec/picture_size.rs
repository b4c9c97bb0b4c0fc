// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The size of the encoded picture: square pixels, the same aspect ratio, within the limits.

/// The maximum size in pixels (`max-width`, `max-height`); 0 means no limit. It is that of a landscape picture. A
/// portrait picture has the exchanged limits, so that it gets as many pixels.
#[derive(Debug, Clone, Copy, Default)]
pub struct SizeLimits {
    pub width: u32,
    pub height: u32,
}

impl SizeLimits {
    /// The maximum width and height of a picture of this shape.
    pub fn of_picture(self, width: f64, height: f64) -> (u32, u32) {
        match height > width {
            true => (self.height, self.width),
            false => (self.width, self.height),
        }
    }
}

/// The size to encode for this input: square pixels, same aspect ratio, within the limits, never enlarged. Both
/// sides are even because 4:2:0 chroma requires it. `sideways`: the picture is turned by 90° or 270° to be upright.
pub fn fit(info: &gst_video::VideoInfo, sideways: bool, limits: SizeLimits) -> (u32, u32) {
    let par = info.par();
    let (numer, denom) = match (par.numer(), par.denom()) {
        (numer, denom) if numer > 0 && denom > 0 => (f64::from(numer), f64::from(denom)),
        _ => (1.0, 1.0),
    };
    let (mut width, mut height) = (f64::from(info.width()), f64::from(info.height()));
    // Shrinking the side with more pixels makes the pixels square.
    if numer > denom {
        height *= denom / numer;
    } else {
        width *= numer / denom;
    }
    if sideways {
        (width, height) = (height, width);
    }
    let limit = |max: u32, side: f64| match max {
        0 => 1.0,
        max => f64::from(max) / side,
    };
    let (max_width, max_height) = limits.of_picture(width, height);
    let scale = limit(max_width, width)
        .min(limit(max_height, height))
        .min(1.0);
    let even = |side: f64| {
        // The margin corrects rounding: a division that should give 1280 may give 1279.9999.
        ((side * scale / 2.0 + 1e-6) as u32 * 2).max(2)
    };
    (even(width), even(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoded_size_fits_the_limits() {
        gst::init().expect("GStreamer");
        let fitted = |sideways, width, height, par: (i32, i32), max_width, max_height| {
            let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::I420, width, height)
                .par(gst::Fraction::new(par.0, par.1))
                .build()
                .expect("info");
            let limits = SizeLimits {
                width: max_width,
                height: max_height,
            };
            fit(&info, sideways, limits)
        };
        let square = (1, 1);
        assert_eq!(fitted(false, 640, 360, square, 1280, 720), (640, 360));
        assert_eq!(fitted(false, 1920, 1080, square, 1280, 720), (1280, 720));
        assert_eq!(fitted(false, 4000, 3000, square, 0, 0), (4000, 3000));
        assert_eq!(fitted(false, 4000, 3000, square, 0, 720), (960, 720));
        assert_eq!(fitted(false, 641, 361, square, 1280, 720), (640, 360));
        assert_eq!(fitted(false, 1, 1, square, 1280, 720), (2, 2));
        assert_eq!(fitted(false, 1001, 1001, square, 333, 333), (332, 332));
        // PAL 16:9, PAL 4:3, and NTSC 4:3.
        assert_eq!(fitted(false, 720, 576, (64, 45), 1280, 720), (720, 404));
        assert_eq!(fitted(false, 720, 576, (16, 15), 1280, 720), (720, 540));
        assert_eq!(fitted(false, 720, 480, (8, 9), 1280, 720), (640, 480));
        // Portrait, upright and turned.
        assert_eq!(fitted(false, 1080, 1920, square, 1280, 720), (720, 1280));
        assert_eq!(fitted(true, 1920, 1080, square, 1280, 720), (720, 1280));
        assert_eq!(fitted(true, 1080, 1920, square, 1280, 720), (1280, 720));
        assert_eq!(fitted(true, 320, 180, square, 1280, 720), (180, 320));
        assert_eq!(fitted(false, 3000, 4000, square, 0, 720), (720, 960));
        assert_eq!(fitted(false, 360, 640, square, 320, 0), (180, 320));
        assert_eq!(fitted(true, 720, 576, (64, 45), 360, 0), (202, 360));
        // Portrait by its pixels alone.
        assert_eq!(fitted(false, 720, 576, (1, 2), 288, 144), (144, 230));
    }
}
