// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Colours: from YUV to RGB, and to a name.

/// The named colours, in sRGB.
const NAMES: [(&str, [u8; 3]); 20] = [
    ("black", [0x00, 0x00, 0x00]),
    ("dark gray", [0x48, 0x48, 0x48]),
    ("gray", [0x80, 0x80, 0x80]),
    ("light gray", [0xc0, 0xc0, 0xc0]),
    ("white", [0xff, 0xff, 0xff]),
    ("red", [0xff, 0x00, 0x00]),
    ("dark red", [0x80, 0x00, 0x00]),
    ("orange", [0xff, 0x80, 0x00]),
    ("brown", [0x7a, 0x45, 0x1e]),
    ("yellow", [0xff, 0xff, 0x00]),
    ("olive", [0x80, 0x80, 0x00]),
    ("green", [0x00, 0xc8, 0x00]),
    ("dark green", [0x00, 0x64, 0x00]),
    ("teal", [0x00, 0x80, 0x80]),
    ("cyan", [0x00, 0xff, 0xff]),
    ("blue", [0x00, 0x00, 0xff]),
    ("navy", [0x00, 0x00, 0x70]),
    ("purple", [0x80, 0x00, 0x90]),
    ("magenta", [0xff, 0x00, 0xff]),
    ("pink", [0xff, 0xb0, 0xc0]),
];

/// The name of the nearest known colour.
pub(crate) fn name(rgb: [u8; 3]) -> &'static str {
    let colour = oklab(rgb);
    let mut best = ("", f32::INFINITY);
    for (name, of) in NAMES {
        let distance: f32 = oklab(of)
            .iter()
            .zip(colour)
            .map(|(a, b)| (a - b) * (a - b))
            .sum();
        if distance < best.1 {
            best = (name, distance);
        }
    }
    best.0
}

/// The colour as in CSS.
pub(crate) fn hex([r, g, b]: [u8; 3]) -> String {
    format!("#{r:02X}{g:02X}{b:02X}")
}

/// The coefficients and the range that a picture was encoded with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coding {
    /// The weights of red and blue in luma: ITU-R BT.601 or BT.709.
    pub kr: f32,
    pub kb: f32,
    pub full_range: bool,
}

impl Coding {
    pub(crate) const BT601: Coding = Coding {
        kr: 0.299,
        kb: 0.114,
        full_range: false,
    };
    pub(crate) const BT709: Coding = Coding {
        kr: 0.2126,
        kb: 0.0722,
        full_range: false,
    };

    /// Luma from 0 (black) to 1 (white).
    pub(crate) fn brightness(self, y: f32) -> f32 {
        let (black, span) = if self.full_range {
            (0.0, 255.0)
        } else {
            (16.0, 219.0)
        };
        ((y - black) / span).clamp(0.0, 1.0)
    }

    pub(crate) fn rgb(self, [y, u, v]: [f32; 3]) -> [u8; 3] {
        let span = if self.full_range { 255.0 } else { 224.0 };
        let (luma, pb, pr) = (self.brightness(y), (u - 128.0) / span, (v - 128.0) / span);
        let r = luma + 2.0 * (1.0 - self.kr) * pr;
        let b = luma + 2.0 * (1.0 - self.kb) * pb;
        let g = (luma - self.kr * r - self.kb * b) / (1.0 - self.kr - self.kb);
        [r, g, b].map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8)
    }
}

/// Björn Ottosson's perceptual space.
fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|c| {
        let c = f32::from(c) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_usual_names() {
        for (rgb, expected) in [
            ([0x20, 0x40, 0xf0], "blue"),
            ([0xf0, 0x10, 0x10], "red"),
            ([0x10, 0x10, 0x10], "black"),
            ([0xf4, 0xf4, 0xf4], "white"),
            ([0x85, 0x80, 0x82], "gray"),
            ([0xf0, 0xf0, 0x20], "yellow"),
            ([0x00, 0xff, 0x00], "green"),
            ([0x10, 0x20, 0x60], "navy"),
            ([0xff, 0x90, 0x10], "orange"),
        ] {
            assert_eq!(name(rgb), expected, "{}", hex(rgb));
        }
    }

    #[test]
    fn yuv_becomes_rgb() {
        let red = Coding::BT601.rgb([81.0, 90.0, 240.0]);
        assert!(red[0] > 250 && red[1] < 4 && red[2] < 4, "{red:?}");
        let blue = Coding::BT709.rgb([32.0, 240.0, 118.0]);
        assert!(blue[2] > 250 && blue[0] < 4 && blue[1] < 4, "{blue:?}");
        assert_eq!(Coding::BT601.rgb([235.0, 128.0, 128.0]), [255; 3]);
        assert_eq!(Coding::BT601.rgb([16.0, 128.0, 128.0]), [0; 3]);
    }
}
