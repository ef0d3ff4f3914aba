exports.connect = exports.disconnect = exports.main = exports.checkToken = async () => ({ statusCode: 200 });
