package main

import (
	"cmp"
	"fmt"
	"regexp"
	"time"
)

// What clients send and receive. Tags describe the fields in documents, and Validate checks them.

// Reading is what devices send as "report", and an event of the device's history. Seq counts the
// readings of a device, from 1: a device that got no answer sends a reading again with its number.
type Reading struct {
	Seq   int64     `json:"seq" jsonschema:"minimum=1"`
	Value float64   `json:"value"`
	At    time.Time `json:"at,omitzero"` // the time of the server if it is missing
}

// Validate checks the number.
func (r Reading) Validate() error {
	if r.Seq < 1 {
		return fmt.Errorf(`"seq" must be at least 1, it is %d`, r.Seq)
	}
	return nil
}

// Device is the last state of a device, a value of the topic of its site's devices.
type Device struct {
	Device string `json:"device"`
	Status string `json:"status" jsonschema:"enum=ok,enum=high"`
	Reading
}

// Order is what a device is told to do, an event of its inbox. The dashboard chooses its ID: what
// it sends again with the same ID is the same order.
type Order struct {
	ID    string  `json:"order" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
	Name  string  `json:"name" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
	Value float64 `json:"value,omitempty"`
}

// SendCommand is what dashboards send as "command".
type SendCommand struct {
	Device string `json:"device" jsonschema:"minLength=1,maxLength=40,pattern=^[a-z0-9-]+$"`
	Order
}

// Validate checks the names.
func (c SendCommand) Validate() error {
	return cmp.Or(check("device", c.Device), check("order", c.ID), check("name", c.Name))
}

// Command is the last order to a device, and what has become of it: a value of the topic of the
// site's commands, and the reply to "command".
type Command struct {
	Order
	Device  string `json:"device"`
	By      string `json:"by"`
	State   string `json:"state" jsonschema:"enum=sent,enum=done,enum=failed"`
	Message string `json:"message,omitempty"`
}

// Result is what devices send as "result", when they have done what an order says, or have failed.
type Result struct {
	Order   string `json:"order"`
	State   string `json:"state" jsonschema:"enum=done,enum=failed"`
	Message string `json:"message,omitempty" jsonschema:"maxLength=200"`
}

// Validate checks the state and the message.
func (r Result) Validate() error {
	if r.State != done && r.State != failed || len(r.Message) > 200 {
		return fmt.Errorf(`"state" must be %q or %q, and "message" have at most 200 bytes`, done, failed)
	}
	return nil
}

var validName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// check returns an error that clients see unless a name can be a part of a topic's name.
func check(field, name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf(`%q must be 1 to 40 characters: a to z, 0 to 9 and "-"`, field)
	}
	return nil
}
