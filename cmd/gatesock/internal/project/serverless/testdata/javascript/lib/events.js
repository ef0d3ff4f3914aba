module.exports = [{ websocket: "$connect" }, { websocket: { route: "$default", routeResponseSelectionExpression: "$default" } }];
