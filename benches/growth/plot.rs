//! Lines in a frame with a logarithmic scale on either side, as SVG that is readable on light and dark pages.

use std::fmt::Write as _;

/// Size of the picture, and the frame in it.
const SIZE: (f64, f64) = (760.0, 440.0);
const FRAME: (f64, f64, f64, f64) = (70.0, 20.0, 570.0, 370.0);
/// One a line: distinct in lightness too.
const COLOURS: [&str; 4] = ["#4148c2", "#9096f0", "#b36b00", "#e0a85a"];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#333}.grid{stroke:#8884;stroke-width:1}\
    .line{fill:none;stroke-width:2.5}@media(prefers-color-scheme:dark){text{fill:#ddd}}";

/// A named row of points.
pub struct Line {
    name: &'static str,
    pub points: Vec<(f64, f64)>,
}

impl Line {
    pub fn named(name: &'static str) -> Self {
        Self { name, points: Vec::new() }
    }
}

/// What is drawn.
pub struct Plot<'a> {
    pub lines: &'a [Line],
    /// What the axes are.
    pub x: &'a str,
    pub y: &'a str,
}

/// The powers of ten around some values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (i32, i32) {
    #[expect(clippy::cast_possible_truncation, reason = "powers of ten of what a bench measures")]
    let power = |value: f64| value.log10() as i32;
    let least = values.clone().fold(f64::MAX, f64::min).log10().floor();
    let most = values.fold(f64::MIN, f64::max).log10().ceil();
    (power(10_f64.powf(least)), power(10_f64.powf(most)))
}

/// Where a value stands between two powers of ten, from 0 to 1.
fn place(value: f64, (least, most): (i32, i32)) -> f64 {
    (value.log10() - f64::from(least)) / f64::from((most - least).max(1))
}

impl Plot<'_> {
    pub fn svg(&self) -> String {
        let points = self.lines.iter().flat_map(|line| line.points.iter());
        let (wide, tall) = (decades(points.clone().map(|point| point.0)), decades(points.map(|point| point.1)));
        let x = |value: f64| FRAME.0 + place(value, wide) * (FRAME.2 - FRAME.0);
        let y = |value: f64| FRAME.3 - place(value, tall) * (FRAME.3 - FRAME.1);
        let (width, height) = SIZE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{} by {}\">\n<style>{STYLE}</style>\n",
            self.y, self.x
        );
        for power in wide.0..=wide.1 {
            let (at, label) = (x(10_f64.powi(power)), words(power));
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{at:.1} {}V{}\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                FRAME.1,
                FRAME.3,
                FRAME.3 + 20.0
            );
        }
        for power in tall.0..=tall.1 {
            let (at, label) = (y(10_f64.powi(power)), words(power));
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{} {at:.1}H{}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                FRAME.0,
                FRAME.2,
                FRAME.0 - 8.0,
                at + 4.0
            );
        }
        for ((index, line), colour) in self.lines.iter().enumerate().zip(COLOURS) {
            let path: Vec<String> = line.points.iter().map(|point| format!("{:.1} {:.1}", x(point.0), y(point.1))).collect();
            let at = FRAME.1 + 20.0 + 24.0 * index as f64;
            let (key, name) = (FRAME.2 + 15.0, line.name);
            let _ = writeln!(svg, "<path class=\"line\" stroke=\"{colour}\" d=\"M{}\"/>", path.join("L"));
            let _ = writeln!(
                svg,
                "<path class=\"line\" stroke=\"{colour}\" d=\"M{key} {}h22\"/><text x=\"{}\" y=\"{at}\">{name}</text>",
                at - 4.0,
                key + 30.0
            );
        }
        let middle = f64::midpoint(FRAME.0, FRAME.2);
        let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>", FRAME.3 + 45.0, self.x);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\">{}</text>\n</svg>", FRAME.0, FRAME.1 - 6.0, self.y);
        svg
    }
}

/// A power of ten as people write it.
fn words(power: i32) -> String {
    match power {
        6.. => format!("{} M", 10_i64.pow(power.unsigned_abs() - 6)),
        3..=5 => format!("{},000", 10_i64.pow(power.unsigned_abs() - 3)),
        0..=2 => 10_i64.pow(power.unsigned_abs()).to_string(),
        _ => format!("{:.*}", power.unsigned_abs() as usize, 10_f64.powi(power)),
    }
}
