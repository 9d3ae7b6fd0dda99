"""Where work runs: resumable design runs over a local process pool."""
