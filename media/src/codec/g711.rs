//! What both laws of G.711 share: a table each way, a byte a sample.

use super::{Codec, Failed};
use crate::{conceal::Concealer, frame::SampleRate};

/// The tables of one law.
#[derive(Debug)]
pub(super) struct Law {
    /// By code.
    pub(super) expand: [i16; 256],
    /// From a sample.
    pub(super) compress: fn(i16) -> u8,
}

/// One stream of G.711.
#[derive(Debug)]
pub(super) struct G711 {
    law: &'static Law,
    concealer: Concealer,
}

impl G711 {
    pub(super) fn open(law: &'static Law) -> Box<dyn Codec> {
        Box::new(Self { law, concealer: Concealer::new(SampleRate::Narrow) })
    }
}

impl Codec for G711 {
    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) -> Result<(), Failed> {
        out.extend(samples.iter().map(|&sample| (self.law.compress)(sample)));
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) -> Result<(), Failed> {
        if payload.is_empty() || payload.len() > PAYLOAD_MAX {
            return Err(Failed);
        }
        let start = out.len();
        out.extend(payload.iter().map(|&code| self.law.expand[usize::from(code)]));
        self.concealer.heard(start, out);
        Ok(())
    }

    fn conceal(&mut self, len: usize, _next: Option<&[u8]>, out: &mut Vec<i16>) {
        self.concealer.conceal(len, out);
    }
}

/// 120 ms.
const PAYLOAD_MAX: usize = 960;
