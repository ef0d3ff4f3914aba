exports.good = exports.main = async () => ({ statusCode: 200 });
