use std::cell::RefCell;

use libdeflater::Decompressor;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use vminspect_bytes::CodecId;
use zstd::zstd_safe;

/// How the compressed clusters of an image are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    /// Raw deflate, without a zlib header. The specification calls it deflate, QEMU zlib.
    Deflate,
    /// Zstandard frames.
    Zstd,
}

/// Why a cluster could not be decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DecodeError(pub(super) &'static str);

/// What a thread keeps between clusters.
struct Decoders {
    deflate: Decompressor,
    zstd: Option<zstd_safe::DCtx<'static>>,
}

thread_local! {
    static DECODERS: RefCell<Decoders> = RefCell::new(Decoders { deflate: Decompressor::new(), zstd: None });
}

impl Compression {
    /// The name that QEMU uses.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Deflate => "zlib",
            Self::Zstd => "zstd",
        }
    }

    /// The identity of the decoding for one cluster size.
    pub(super) fn codec(self, cluster_size: u64) -> CodecId {
        match self {
            Self::Deflate => CodecId::intern(&format!("qcow2-deflate-{cluster_size}")),
            Self::Zstd => CodecId::intern(&format!("qcow2-zstd-{cluster_size}")),
        }
    }

    /// Fills `output`, a whole cluster, from `input`, behind whose stream there may be other bytes.
    pub(super) fn decode(self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        DECODERS.with_borrow_mut(|decoders| match self {
            Self::Deflate => inflate(&mut decoders.deflate, input, output),
            Self::Zstd => {
                let context = decoders.zstd.get_or_insert_with(zstd_safe::DCtx::create);
                unzstd(context, input, output)
            }
        })
    }
}

fn inflate(decompressor: &mut Decompressor, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
    match decompressor.deflate_decompress(input, output) {
        Ok(length) if length == output.len() => Ok(()),
        Ok(_) => Err(DecodeError("a deflate stream that ends before the cluster is full")),
        // The format says that decompression stops when the cluster is full; libdeflate wants streams to end.
        Err(_) => inflate_until_full(input, output),
    }
}

fn inflate_until_full(input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let (_, _, written) = decompress(&mut state, input, output, 0, flags);
    if written == output.len() {
        Ok(())
    } else {
        Err(DecodeError("a deflate stream that is damaged or cut off"))
    }
}

/// Decodes frame after frame until the cluster is full.
fn unzstd(
    context: &mut zstd_safe::DCtx<'static>,
    mut input: &[u8],
    output: &mut [u8],
) -> Result<(), DecodeError> {
    const DAMAGED: DecodeError = DecodeError("a zstd frame that is damaged or cut off");
    let mut filled: usize = 0;
    while let Some(rest) = output.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // The frame's own length is taken from it, since bytes of other clusters follow.
        let length = zstd_safe::find_frame_compressed_size(input).map_err(|_| DAMAGED)?;
        let frame = input.get(..length).filter(|frame| !frame.is_empty()).ok_or(DAMAGED)?;
        let written = context.decompress(rest, frame).map_err(|_| DAMAGED)?;
        filled = filled.saturating_add(written);
        input = input.get(length..).unwrap_or_default();
    }
    Ok(())
}
