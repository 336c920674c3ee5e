//! The raw image that is the disk.

use crate::qemu::disk::{Backing, Slot};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const CHUNK: usize = 1 << 20;

/// An image, gone in the end unless somebody gave it.
#[derive(Debug)]
pub(super) struct Image {
    path: PathBuf,
    ours: bool,
}

impl Image {
    /// The image at `given`, or a new one of so many bytes in `directory`, all of it written.
    ///
    /// # Errors
    /// When it is not there, or cannot be written.
    pub(super) fn of(given: Option<&Path>, directory: &Path, bytes: u64) -> Result<Image> {
        if let Some(path) = given {
            ensure!(path.is_file(), "there is no image {}", path.display());
            return Ok(Image { path: path.to_path_buf(), ours: false });
        }
        let image = Image { path: directory.join("disk.img"), ours: true };
        let mut file = File::create(&image.path).context("making a disk")?;
        // No sector is a hole, nor equal to what the load writes.
        let chunk: Vec<u8> = (1..=u8::MAX).cycle().take(CHUNK).collect();
        for _ in 0..bytes / CHUNK as u64 {
            file.write_all(&chunk).context("writing a disk")?;
        }
        Ok(image)
    }

    /// The arguments of a board with this image as its disk.
    ///
    /// # Errors
    /// When the board has no disk, or several.
    pub(super) fn in_place_of_the_disk(&self, board: Vec<String>) -> Result<Vec<String>> {
        Slot::of(&board)?.with(board, Backing::Image(&self.path))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.ours {
            // It is in the way of nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_an_image_of_ours_is_written_and_goes() {
        let directory = tempfile::tempdir().unwrap();
        let image = Image::of(None, directory.path(), 2 * CHUNK as u64).unwrap();
        let path = directory.path().join("disk.img");
        assert_eq!(fs::metadata(&path).unwrap().len(), 2 << 20);
        let board = ["-drive", "id=d0,driver=null-co", "-device", "virtio-blk-device,drive=d0"];
        let board: Vec<String> = board.map(str::to_owned).into();
        let replaced = image.in_place_of_the_disk(board.clone()).unwrap();
        assert!(replaced[1].ends_with(&format!("file.filename={}", path.display())));
        assert_eq!(replaced[2..], board[2..]);
        drop(image);
        assert!(!path.exists());
    }

    #[test]
    fn test_an_image_that_is_given_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a,b");
        assert!(Image::of(Some(&path), directory.path(), 0).is_err());
        fs::write(&path, "x").unwrap();
        drop(Image::of(Some(&path), directory.path(), 0).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
