//! The library as its users meet it: on a real disk, with others beside, cut off, out of room.

mod basics;
mod bin;
mod child;
mod crowd;
mod damage;
mod hostile;
mod import;
mod killed;
mod places;
mod rig;
mod search;
mod speed;
