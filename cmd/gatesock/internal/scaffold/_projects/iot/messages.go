package main

import (
	"cmp"
	"fmt"
	"time"
	"unicode/utf8"
)

// These are the types of what clients send and receive. The jsonschema tags describe the fields in
// documents and types that are made from the program; the Validate methods check them.

// Report is what devices send as "report".
type Report struct {
	Sensor string  `json:"sensor" jsonschema:"minLength=1,maxLength=64"`
	Value  float64 `json:"value"`
}

// Validate checks the name of the sensor.
func (r Report) Validate() error { return check("sensor", r.Sensor) }

// Reading is what dashboards receive as the event "reading".
type Reading struct {
	Device string    `json:"device"`
	Sensor string    `json:"sensor"`
	Value  float64   `json:"value"`
	At     time.Time `json:"at"`
}

// Watching is the reply to "watch", whose message has no members of its own.
type Watching struct {
	Site string `json:"site"`
}

// SendCommand is what dashboards send as "command".
type SendCommand struct {
	Device  string  `json:"device" jsonschema:"minLength=1,maxLength=64"`
	Command Command `json:"command"`
}

// Validate checks the name of the device and of the command.
func (c SendCommand) Validate() error {
	return cmp.Or(check("device", c.Device), check("command.name", c.Command.Name))
}

// Command is what a device receives as the event "command".
type Command struct {
	Name  string  `json:"name" jsonschema:"minLength=1,maxLength=64"`
	Value float64 `json:"value,omitempty"`
}

// Sent is the reply to "command": how many connections of the device have received it.
type Sent struct {
	Connections int `json:"connections"`
}

// check returns an error that clients see unless a name is 1 to 64 characters long.
func check(field, name string) error {
	if name == "" || utf8.RuneCountInString(name) > 64 {
		return fmt.Errorf("%q must be 1 to 64 characters", field)
	}
	return nil
}
