// Package types has types of another module.
package types

// Base is embedded in messages.
type Base struct {
	// At is when it was sent.
	At string `json:"at"`
	Inner
}

// Inner is embedded in Base.
type Inner struct {
	Deep int `json:"deep"` // is far down
}
