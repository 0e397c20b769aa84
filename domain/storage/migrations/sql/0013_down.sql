-- Takes back exports.
DROP TABLE privacy_exports;
