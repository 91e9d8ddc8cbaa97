//! What only whole data can show: recorded streams, hostile streams, labelled requests, documents.

mod documents;
mod hostile_streams;
mod labelled_sample;
mod transcripts;
