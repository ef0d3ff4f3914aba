// Package wire has types of messages.
package wire

// Header is at the beginning of each message.
type Header struct {
	// Trace connects messages.
	Trace string `json:"trace"`
}
