//! The raw image that is the disk.

use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the board calls the backend of the disk.
const BACKEND: &str = "id=blk0-disk";
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
    /// When the board has no such disk.
    pub(super) fn in_place_of_the_disk(&self, board: Vec<String>) -> Result<Vec<String>> {
        // A comma in a value is written twice.
        let path = self.path.to_str().context("the path of the image is not UTF-8")?;
        let drive = format!("if=none,{BACKEND},format=raw,file={}", path.replace(',', ",,"));
        let is_it = |word: &String| word.split(',').any(|part| part == BACKEND);
        ensure!(board.iter().filter(|word| is_it(word)).count() == 1, "no disk on the board");
        Ok(board.into_iter().map(|word| if is_it(&word) { drive.clone() } else { word }).collect())
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

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn test_the_disk_of_the_board_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let image = Image::of(None, directory.path(), 2 * CHUNK as u64).unwrap();
        let path = directory.path().join("disk.img");
        assert_eq!(fs::metadata(&path).unwrap().len(), 2 << 20);
        let board = words(&[
            "-drive",
            "if=none,id=blk0-disk,driver=null-co",
            "-device",
            "x,drive=blk0-disk",
        ]);
        let replaced = image.in_place_of_the_disk(board).unwrap();
        let drive = format!("if=none,id=blk0-disk,format=raw,file={}", path.display());
        assert_eq!(replaced, words(&["-drive", &drive, "-device", "x,drive=blk0-disk"]));
        assert!(image.in_place_of_the_disk(words(&["-drive", "id=blk0-disk2"])).is_err());
        drop(image);
        assert!(!path.exists());
    }

    #[test]
    fn test_an_image_that_is_given_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a,b");
        assert!(Image::of(Some(&path), directory.path(), 0).is_err());
        fs::write(&path, "x").unwrap();
        let image = Image::of(Some(&path), directory.path(), 0).unwrap();
        let replaced = image.in_place_of_the_disk(words(&["id=blk0-disk"])).unwrap();
        assert!(replaced[0].ends_with("a,,b"), "{replaced:?}");
        drop(image);
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }
}
