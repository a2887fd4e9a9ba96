use std::cell::RefCell;
use std::sync::Arc;

use vminspect_bytes::{BlockCache, ByteRange, CodecId, Extent, HostFile, Origin, ReadAt, ReadError, StoreId};

use super::compression::Compression;
use super::descriptor::Unit;
use super::mapping::{Kind, Mapping};
use super::number::{as_u64, as_usize};

/// Decoded clusters are kept in pieces of at most this, so that large ones fit the cache's shards.
const MOST_CACHED_PIECE: usize = 128 << 10;

/// A cached piece is keyed by the offset of its encoded unit, which has 56 bits, and its number above them.
const PIECE_SHIFT: u32 = 56;

/// An extent is first sought within this many clusters, then in steps that double.
const FIRST_CLUSTERS: u64 = 64;

/// An extent ends after this many clusters at the latest, so that no call takes long.
const MOST_CLUSTERS: u64 = 1 << 22;

/// Buffers above this are given back after use.
const MOST_KEPT_BUFFER: usize = 1 << 20;

thread_local! {
    static ENCODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static DECODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The virtual disk, or the area behind it in which a snapshot keeps the guest's memory.
pub(super) struct VirtualDisk {
    pub(super) mapping: Mapping,
    pub(super) length: u64,
    /// The file that holds the clusters: the image itself, or its external data file.
    pub(super) data: Arc<HostFile>,
    pub(super) parent: Option<Arc<dyn ReadAt>>,
    pub(super) compression: Compression,
    pub(super) codec: CodecId,
    pub(super) cache: Arc<BlockCache<(StoreId, u64)>>,
}

impl VirtualDisk {
    fn check_range(&self, offset: u64, length: u64) -> Result<(), ReadError> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(ReadError::past_end("qcow2 virtual disk", offset, length, self.length)
                .in_file(self.mapping.file.path())),
        }
    }

    fn cluster_size(&self) -> u64 {
        self.mapping.rules.geometry.cluster_size()
    }

    /// Length of the parent, where there is one.
    fn parent_length(&self) -> u64 {
        self.parent.as_ref().map_or(0, ReadAt::len)
    }

    /// Reads from the parent, and zeros beyond its end.
    fn read_parent(&self, position: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let available = as_usize(self.parent_length().saturating_sub(position)).min(buf.len());
        let (inside, beyond) = buf.split_at_mut(available);
        beyond.fill(0);
        match &self.parent {
            Some(parent) if !inside.is_empty() => parent.read_exact_at(position, inside),
            _ => Ok(()),
        }
    }

    /// The bytes of `unit` that the file has; compressed data may end anywhere in its last sector.
    fn stored_length(&self, unit: Unit) -> u64 {
        unit.length.min(self.data.len().saturating_sub(unit.offset.0))
    }

    fn read_compressed(&self, position: u64, unit: Unit, skip: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        if as_u64(buf.len()) == self.cluster_size() {
            return match self.cached(unit, 0) {
                Some(piece) if <[u8]>::len(&piece) == buf.len() => {
                    buf.copy_from_slice(&piece);
                    Ok(())
                }
                _ => self.decode(position, unit, buf),
            };
        }
        let mut skip = as_usize(skip);
        let mut rest = buf;
        while !rest.is_empty() {
            let (number, within) = (skip / MOST_CACHED_PIECE, skip % MOST_CACHED_PIECE);
            let piece = match self.cached(unit, number) {
                Some(piece) => piece,
                None => self.decode_to_cache(position, unit, number)?,
            };
            let available = piece.get(within..).unwrap_or_default();
            let take = available.len().min(rest.len());
            let (part, tail) = rest.split_at_mut(take);
            if take == 0 {
                return Err(self.unit_error(position, unit).found("a position past the end of the cluster"));
            }
            part.copy_from_slice(available.get(..take).unwrap_or_default());
            skip = skip.saturating_add(take);
            rest = tail;
        }
        Ok(())
    }

    fn cached(&self, unit: Unit, number: usize) -> Option<Arc<[u8]>> {
        self.cache.get(&self.cache_key(unit, number))
    }

    fn cache_key(&self, unit: Unit, number: usize) -> (StoreId, u64) {
        (self.data.store(), unit.offset.0 | as_u64(number).wrapping_shl(PIECE_SHIFT))
    }

    /// Decodes a cluster, keeps its pieces, and returns piece `number`.
    fn decode_to_cache(&self, position: u64, unit: Unit, number: usize) -> Result<Arc<[u8]>, ReadError> {
        DECODED.with_borrow_mut(|decoded| {
            decoded.resize(as_usize(self.cluster_size()), 0);
            self.decode(position, unit, decoded)?;
            let mut wanted = None;
            for (index, piece) in decoded.chunks(MOST_CACHED_PIECE).enumerate() {
                let piece: Arc<[u8]> = Arc::from(piece);
                if index == number {
                    wanted = Some(Arc::clone(&piece));
                }
                self.cache.insert(self.cache_key(unit, index), piece);
            }
            release_large(decoded);
            wanted.ok_or_else(|| self.unit_error(position, unit))
        })
    }

    /// Decodes a whole cluster into `cluster`.
    fn decode(&self, position: u64, unit: Unit, cluster: &mut [u8]) -> Result<(), ReadError> {
        ENCODED.with_borrow_mut(|encoded| {
            let length = as_usize(self.stored_length(unit));
            // Never made shorter, so that it is not filled with zeros again and again.
            if encoded.len() < length {
                encoded.resize(length, 0);
            }
            let stored = encoded.get_mut(..length).unwrap_or_default();
            self.data.read_exact_at(unit.offset.0, stored)?;
            let result = self.compression.decode(stored, cluster);
            release_large(encoded);
            result.map_err(|error| {
                self.unit_error(position, unit)
                    .expected(format!("{} that fills {} bytes", self.compression.name(), cluster.len()))
                    .found(error.0)
            })
        })
    }

    fn unit_error(&self, position: u64, unit: Unit) -> ReadError {
        ReadError::corrupt(format!("qcow2 compressed cluster, which holds guest byte {position}"))
            .at(unit.offset.0)
            .in_file(self.data.path())
    }

    /// The extent at the start of `range`, within one run.
    fn run_extent(&self, range: ByteRange) -> Result<Extent, ReadError> {
        let run = self.mapping.run_at(range);
        let range = range.truncate(run.length);
        let below =
            |extent: Extent| Extent { range: range.truncate(extent.range.len()), origin: extent.origin };
        Ok(match run.kind {
            Kind::Zero => Extent { range, origin: Origin::Zero },
            Kind::Bad(_) => Extent { range, origin: Origin::Unknown },
            Kind::Plain(offset) => below(self.data.extent_at(ByteRange::at(offset.0, range.len()))?),
            Kind::Compressed { unit, skip } => {
                let origin = Origin::Encoded {
                    store: self.data.store(),
                    offset: unit.offset.0,
                    length: self.stored_length(unit),
                    skip,
                    codec: self.codec,
                };
                Extent { range, origin }
            }
            Kind::Unallocated => match &self.parent {
                Some(parent) if range.start() < parent.len() => {
                    below(parent.extent_at(range.intersection(ByteRange::at(0, parent.len())))?)
                }
                _ => Extent { range, origin: Origin::Zero },
            },
        })
    }
}

fn release_large(buffer: &mut Vec<u8>) {
    if buffer.capacity() > MOST_KEPT_BUFFER {
        *buffer = Vec::new();
    }
}

impl ReadAt for VirtualDisk {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.check_range(offset, as_u64(buf.len()))?;
        let (mut position, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let run = self.mapping.run_at(ByteRange::at(position, as_u64(rest.len())));
            let (part, tail) = rest.split_at_mut(as_usize(run.length).min(rest.len()));
            match run.kind {
                Kind::Zero => part.fill(0),
                Kind::Unallocated => self.read_parent(position, part)?,
                Kind::Plain(host) => self.data.read_exact_at(host.0, part)?,
                Kind::Compressed { unit, skip } => self.read_compressed(position, unit, skip, part)?,
                Kind::Bad(defect) => return Err(self.mapping.error(position, defect)),
            }
            position = position.saturating_add(as_u64(part.len()));
            rest = tail;
        }
        Ok(())
    }

    fn extent_at(&self, range: ByteRange) -> Result<Extent, ReadError> {
        self.check_range(range.start(), range.len())?;
        // A run of this image and an extent of its parent may differ in length by far. Steps that double
        // keep the work in proportion to the extent that is returned, at every level of a chain.
        let range = range.truncate(self.cluster_size().saturating_mul(MOST_CLUSTERS));
        let mut step = self.cluster_size().saturating_mul(FIRST_CLUSTERS);
        let mut extent = self.run_extent(range.truncate(step))?;
        let mut filled = extent.range.len() >= step;
        while filled && extent.range.end() < range.end() && !matches!(extent.origin, Origin::Encoded { .. }) {
            step = extent.range.len();
            let next = self.run_extent(ByteRange::at(extent.range.end(), step).intersection(range))?;
            if next.origin != extent.origin.advanced(step) {
                break;
            }
            filled = next.range.len() >= step;
            extent.range = ByteRange::new(extent.range.start(), next.range.end());
        }
        Ok(extent)
    }
}
