exports.debug = "raw"; exports.info = "wrong";
