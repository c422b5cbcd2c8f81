//! Lines over an axis, as SVG that stands in the page.

use std::fmt::{self, Display, Formatter};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Hairs of hover at most; more would be thinner than a pixel.
const HAIRS: usize = 240;

/// How values lie on an axis.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scale {
    Linear,
    Log,
}

/// One line of a chart.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// Its class in page.css.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis: which values are marked, and how each is written.
pub(super) struct Axis {
    pub(super) scale: Scale,
    /// Marks that are given; else round values are found.
    pub(super) marks: Option<Vec<f64>>,
    pub(super) write: fn(f64) -> String,
}

/// A chart. What hovering shows is at the points of the first line.
pub(super) struct Chart {
    pub(super) label: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

impl Chart {
    fn range(&self, axis: &Axis, value: fn(&(f64, f64)) -> f64, floor: bool) -> (f64, f64) {
        let points = self.lines.iter().flat_map(|line| &line.points).map(value);
        let usable = points.filter(|value| axis.scale == Scale::Linear || *value > 0.0);
        let (low, high) = usable.fold((f64::MAX, f64::MIN), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return (if axis.scale == Scale::Log { 0.1 } else { 0.0 }, 1.0);
        }
        match axis.scale {
            Scale::Log if floor => (10_f64.powf(low.log10().floor()), high * 1.1),
            Scale::Log => (low, high),
            Scale::Linear if floor => (0.0, if high > 0.0 { high * 1.05 } else { 1.0 }),
            Scale::Linear => (low, high),
        }
    }
}

/// From values to places.
struct Place {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Place {
    fn of(&self, value: f64) -> f64 {
        let on = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(self.low).log10(),
        };
        let span = on(self.high) - on(self.low);
        let part = if span > 0.0 {
            (on(value) - on(self.low)) / span
        } else {
            0.0
        };
        self.from + part * (self.to - self.from)
    }

    /// Round values within.
    fn marks(&self) -> Vec<f64> {
        if self.scale == Scale::Log {
            let decades = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
            let fine = self.high / self.low < 1e3;
            let steps: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let marks =
                decades.flat_map(|decade| steps.iter().map(move |s| s * 10_f64.powi(decade)));
            return marks
                .filter(|mark| (self.low..=self.high).contains(mark))
                .collect();
        }
        let rough = (self.high - self.low) / 5.0;
        if rough <= 0.0 {
            return vec![self.low];
        }
        let unit = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|s| s * unit)
            .into_iter()
            .find(|s| *s >= rough);
        let step = step.unwrap_or(unit * 10.0);
        let mut mark = (self.low / step).ceil() * step;
        let mut marks = Vec::new();
        while mark <= self.high && marks.len() < 20 {
            marks.push(mark);
            mark += step;
        }
        marks
    }
}

impl Display for Chart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (low, high) = self.range(&self.x, |point| point.0, false);
        let x = Place {
            scale: self.x.scale,
            low,
            high,
            from: LEFT,
            to: WIDTH - RIGHT,
        };
        let (low, high) = self.range(&self.y, |point| point.1, true);
        let y = Place {
            scale: self.y.scale,
            low,
            high,
            from: HEIGHT - BOTTOM,
            to: TOP,
        };
        if self.lines.len() > 1 {
            write!(f, "<div class=\"key\">")?;
            for line in &self.lines {
                let Line { name, class, .. } = line;
                write!(
                    f,
                    "<span><svg viewBox=\"0 0 22 8\"><path class=\"series {class}\" d=\"M0 4H22\"/></svg>{name}</span>"
                )?;
            }
            write!(f, "</div>")?;
        }
        write!(
            f,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.label
        )?;
        for mark in self.y.marks.clone().unwrap_or_else(|| y.marks()) {
            let at = y.of(mark);
            let right = WIDTH - RIGHT;
            write!(
                f,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                (self.y.write)(mark)
            )?;
        }
        let marks = self.x.marks.clone().unwrap_or_else(|| x.marks());
        for mark in marks
            .into_iter()
            .filter(|mark| (x.low..=x.high).contains(mark))
        {
            let at = x.of(mark);
            let anchor = if at > WIDTH - 40.0 { "end" } else { "middle" };
            write!(
                f,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                HEIGHT - 7.0,
                (self.x.write)(mark)
            )?;
        }
        for line in &self.lines {
            write!(f, "<path class=\"series {}\" d=\"", line.class)?;
            for (n, point) in line.points.iter().enumerate() {
                let pen = if n == 0 { 'M' } else { 'L' };
                write!(f, "{pen}{:.1} {:.1}", x.of(point.0), y.of(point.1))?;
            }
            write!(f, "\"/>")?;
        }
        self.hover(f, &x)?;
        write!(f, "</svg>")
    }
}

impl Chart {
    fn hover(&self, f: &mut Formatter<'_>, x: &Place) -> fmt::Result {
        let Some(first) = self.lines.first() else {
            return Ok(());
        };
        let every = first.points.len().div_ceil(HAIRS).max(1);
        let places: Vec<(usize, f64)> = first
            .points
            .iter()
            .map(|point| x.of(point.0))
            .enumerate()
            .step_by(every)
            .collect();
        for (n, (index, at)) in places.iter().enumerate() {
            let before = n.checked_sub(1).map_or(*at, |n| places[n].1);
            let after = places.get(n + 1).map_or(*at, |next| next.1);
            let (from, to) = (f64::midpoint(before, *at), f64::midpoint(*at, after));
            write!(
                f,
                "<rect class=\"hover\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}",
                (to - from).max(1.0),
                HEIGHT - TOP - BOTTOM,
                (self.x.write)(first.points[*index].0)
            )?;
            for line in &self.lines {
                if let Some(point) = line.points.get(*index) {
                    write!(f, "\n{}: {}", line.name, (self.y.write)(point.1))?;
                }
            }
            write!(f, "</title></rect>")?;
        }
        Ok(())
    }
}
