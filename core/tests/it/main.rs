//! What only whole data can show: recorded streams, hostile streams, labelled requests.

mod hostile_streams;
mod labelled_sample;
mod transcripts;
