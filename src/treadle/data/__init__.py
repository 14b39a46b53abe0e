"""From a source to checked columns: reading, the catalogue of named data sets, the contract, the three sets."""
