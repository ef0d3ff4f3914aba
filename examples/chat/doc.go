// Package chat is a chat with rooms: the handlers of a WebSocket API, as they run in Lambda
// (cmd/lambda) and on your own machine (cmd/local).
//
// A room is a topic of package topic, with presence. So everybody in a room gets every message once
// and in order, also what was said while the connection was down, and sees the others. This package
// only decides what it means to say something, and which persons may:
//
//	→ {"action":"subscribe","id":"1","topic":"room:lobby","presence":true,"as":{"name":"Ann"}}
//	← {"id":"1","action":"subscribe","data":{"topic":"room:lobby","events":[],"presence":{…},…}}
//	→ {"action":"say","id":"2","room":"lobby","text":"Hello","key":"k1"}
//	← {"id":"2","action":"say","data":{"epoch":"1-k2v9","offset":1,"key":"k1"}}
//
// All in the room, the sender too, receive
// {"event":"message","topic":"room:lobby","epoch":"1-k2v9","offset":1,"data":{…}}. message.go lists
// the messages, [App.Router] the routes.
//
// The state is in memory ([NewInMemory]), or in a DynamoDB table ([NewOnTable]), where it outlives
// the process and several processes share it.
//
// With [WithSignIn] people sign in: an authorizer requires a token, which determines the name, and
// the rooms of staff need a scope. Without it, clients choose their names.
package chat
