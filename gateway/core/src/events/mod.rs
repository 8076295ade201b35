//! The vocabularies between siblings: values that cross a border, never a callback, a lock or a channel.

pub mod ask;
pub mod calling;
pub mod leg;
pub mod media;
pub mod page;
pub mod record;
pub mod story;
pub mod wire;
