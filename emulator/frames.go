package emulator

import "github.com/gatesock/gatesock/internal/jsontext"

// The gateway's own frames, byte for byte with its uneven spaces; see §5 and §6 of docs/gateway-facts.md.

// errorFrame gives the frame that tells a client that the gateway itself could not answer.
func errorFrame(message, connectionID, requestID string) []byte {
	b := jsontext.AppendString(append(make([]byte, 0, 128), `{"message": `...), message)
	b = append(append(b, `, "connectionId":"`...), connectionID...)
	b = append(append(b, `", "requestId":"`...), requestID...)
	return append(b, `"}`...)
}

// badBodyFrame gives the frame that answers a message which the route's model refuses.
func badBodyFrame(connectionID, messageID string) []byte {
	b := append(make([]byte, 0, 128), `{"message" : "Bad request body", "connectionId": "`...)
	b = append(append(b, connectionID...), `", "messageId": "`...)
	return append(append(b, messageID...), `"}`...)
}

// The messages of errorFrame.
const (
	messageForbidden    = "Forbidden"
	messageInternal     = "Internal server error"
	messageUnauthorized = "Unauthorized"
	messageTimeout      = "Endpoint request timed out"
)
