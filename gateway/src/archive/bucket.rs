//! Where copies of recordings stand: a bucket of S3 or a folder, behind one face.

use std::{path::Path, sync::Arc, time::Duration};

use gateway_core::config::{Bucket, Place, Upload};
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem, path::Path as Name,
};
use tokio::{fs::File, io::AsyncReadExt};

use super::connector::Connector;

/// The place of copies.
#[derive(Debug)]
pub(super) struct Shelf {
    objects: Arc<dyn ObjectStore>,
    prefix: String,
    /// As the operator knows it.
    place: String,
    is_bucket: bool,
}

impl Shelf {
    /// Looks at the place no further than its description goes: a store that is away must not keep a node from its calls.
    pub(super) fn open(upload: &Upload) -> Result<Self, String> {
        let (objects, place, is_bucket): (Arc<dyn ObjectStore>, _, _) = match &upload.place {
            Place::Folder(folder) => {
                let unfit = |error| format!("the folder {}: {error}; make it, or mount what belongs there", folder.display());
                let files = LocalFileSystem::new_with_prefix(folder).map_err(unfit)?.with_fsync(true);
                (Arc::new(files), folder.display().to_string(), false)
            }
            Place::S3(bucket) => (Arc::new(client(bucket)?), describe(bucket), true),
        };
        Ok(Self { objects, prefix: upload.prefix.clone(), place, is_bucket })
    }

    /// Copies a file under this name, whole or not at all; the object's name.
    pub(super) async fn put(&self, name: &str, path: &Path) -> Result<String, String> {
        let remote = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        let mut file = File::open(path).await.map_err(|error| format!("{}: {error}", path.display()))?;
        self.copy(&mut file, &Name::from(remote.as_str())).await.map_err(|error| self.explain(&error.to_string()))?;
        Ok(remote)
    }

    /// At once what is small, in pieces what is not.
    async fn copy(&self, file: &mut File, name: &Name) -> object_store::Result<()> {
        let first = piece(file).await?;
        if first.len() < PIECE_LEN {
            return self.objects.put(name, first.into()).await.map(drop);
        }
        let mut upload = self.objects.put_multipart(name).await?;
        let mut next = first;
        let copied = async {
            while !next.is_empty() {
                upload.put_part(std::mem::take(&mut next).into()).await?;
                next = piece(file).await?;
            }
            upload.complete().await.map(drop)
        };
        let copied = copied.await;
        if copied.is_err() {
            // Pieces that stay cost money; what cannot be taken back now is for the bucket's own rules to clean up.
            let _ = upload.abort().await;
        }
        copied
    }

    /// Removes an object; one that is not there is as good as removed.
    pub(super) async fn remove(&self, remote: &str) -> Result<(), String> {
        match self.objects.delete(&Name::from(remote)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain(&error.to_string())),
        }
    }

    /// What to do about it.
    fn explain(&self, error: &str) -> String {
        let place = &self.place;
        let has = |words: &[&str]| words.iter().any(|word| error.contains(word));
        if !self.is_bucket {
            return format!("{place}: {error}; is it mounted, writable by us, and not full?");
        }
        if has(&["NoSuchBucket"]) {
            return format!("{place}: there is no such bucket; make it, or mend `to` in [recording.upload]");
        }
        if has(&[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AccessDenied",
            "InvalidClientTokenId",
            "403 Forbidden",
            "401 Unauthorized",
        ]) {
            return format!(
                "{place}: it refuses our account; check access_key, secret_key and its right to put and delete objects ({})",
                head(error)
            );
        }
        if has(&["onnection refused", "dns error", "failed to lookup", "timed out", "deadline has elapsed", "unreachable"]) {
            return format!("{place}: it does not answer; check `endpoint`, the network and its firewall ({})", head(error));
        }
        format!("{place}: {}", head(error))
    }
}

fn client(bucket: &Bucket) -> Result<object_store::aws::AmazonS3, String> {
    let is_plain = bucket.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let connector = if is_plain { Connector::believing_nobody()? } else { Connector::believing(&bucket.ca)? };
    // The table tries again for days; these tries are for a hiccup.
    let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(connector)
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(&bucket.access_key)
        .with_secret_access_key(&bucket.secret_key.0)
        .with_allow_http(is_plain)
        // A right to delete one object is enough, and not every store knows how to delete many.
        .with_disable_bulk_delete(true)
        .with_retry(retry);
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder.build().map_err(|error| error.to_string())
}

fn describe(bucket: &Bucket) -> String {
    format!("the bucket {} at {}", bucket.name, bucket.endpoint.as_deref().unwrap_or("Amazon S3"))
}

/// The next piece of a file; the last is shorter.
async fn piece(file: &mut File) -> object_store::Result<Vec<u8>> {
    let mut piece = Vec::new();
    let read = file.take(PIECE_LEN as u64).read_to_end(&mut piece).await;
    read.map_err(|error| object_store::Error::Generic { store: "disk", source: Box::new(error) })?;
    Ok(piece)
}

/// An answer may hold a page of XML.
fn head(error: &str) -> String {
    error.chars().take(TOLD_MAX).collect()
}

/// S3 takes pieces from 5 MiB on, and 10,000 of them: 80 GB.
const PIECE_LEN: usize = 8 << 20;

/// Characters of an error that are shown.
const TOLD_MAX: usize = 300;
