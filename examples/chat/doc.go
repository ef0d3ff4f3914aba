// Package chat is a chat with rooms: the handlers of a WebSocket API, as they run in Lambda (cmd/lambda) and
// on your own machine (cmd/local).
//
// Its messages are listed in message.go, its routes in [App.Router]. A client joins a room under a name, says
// something, and hears what others say, who comes and who goes:
//
//	→ {"action":"join","id":"1","room":"lobby","name":"Ann"}
//	← {"id":"1","action":"join","data":{"room":"lobby","name":"Ann","messages":[],"online":{…}}}
//	→ {"action":"say","id":"2","room":"lobby","text":"Hello"}
//	← {"id":"2","action":"say","data":{"id":1795000000000000,"name":"Ann","text":"Hello","at":"…"}}
//
// Everybody else in the room gets {"event":"message","topic":"room:lobby","data":{…}}.
//
// Who is in a room is not kept here: it is read from the registry, which loses a connection when it ends and
// when it turns out to be gone. Only the history of the rooms is this package's own. Both are in memory ([NewInMemory])
// or in a DynamoDB table ([NewOnTable]), where they outlive the process and may be shared by many.
//
// With [WithSignIn] people sign in: an authorizer lets nobody in without a token, a name is what the token says, and the rooms of
// staff need a scope. Without, a name is what a client says it is.
package chat
