//! What can go wrong when a meter is started. Once it runs, nothing does: see `Source::trouble`.

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeterError {
    /// The sampler's thread could not be started.
    #[error("the sampler thread could not be started")]
    SamplerThread {
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// An amount in the carried-over table has another number of channels than the table.
    #[error("carried-over table: `{stage}` has {found} channels, the table has {expected}")]
    CarryOverShape {
        /// Path of the stage, or `unattributed`.
        stage: String,
        /// Channels of the table.
        expected: usize,
        /// Channels of the stage.
        found: usize,
    },
    /// The carried-over stages do not add up to their channel's energy.
    #[error(
        "carried-over table: channel `{channel}` holds {channel_uj} uJ, its stages and the \
         unattributed rest {stages_uj} uJ"
    )]
    CarryOverSum {
        /// The channel.
        channel: String,
        /// Energy of the channel, µJ.
        channel_uj: u64,
        /// Sum over stages and unattributed rest, µJ.
        stages_uj: u128,
    },
    /// The carried-over energy is too large to be counted on from.
    #[error("carried-over table: {total_uj} uJ leave no room to count on")]
    CarryOverTooLarge {
        /// Sum over all channels, µJ.
        total_uj: u128,
    },
}
