// Package chat is a chat with rooms: the handlers of a WebSocket API, as they run in Lambda
// (cmd/lambda) and on your own machine (cmd/local).
//
// message.go lists its messages, [App.Router] its routes. A client joins a room under a name, says
// something, and receives what the others say, and a notice when one of them joins or leaves:
//
//	→ {"action":"join","id":"1","room":"lobby","name":"Ann"}
//	← {"id":"1","action":"join","data":{"room":"lobby","name":"Ann","messages":[],"online":{…}}}
//	→ {"action":"say","id":"2","room":"lobby","text":"Hello"}
//	← {"id":"2","action":"say","data":{"id":1795000000000000,"name":"Ann","text":"Hello","at":"…"}}
//
// All others in the room receive {"event":"message","topic":"room:lobby","data":{…}}.
//
// The members of a room come from the registry of package conn, which removes a connection when it
// ends and when it turns out to be gone. This package itself only keeps the history of the rooms.
// Both are in memory ([NewInMemory]), or in a DynamoDB table ([NewOnTable]), where they outlive the
// process and several processes share them.
//
// With [WithSignIn] people sign in: an authorizer requires a token, which determines the name, and
// the rooms of staff need a scope. Without it, clients choose their names.
package chat
