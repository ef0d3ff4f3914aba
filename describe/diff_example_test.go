package describe_test

import (
	"fmt"

	"github.com/gatesock/gatesock/describe"
)

// A release removes a property of a push, and accepts more in an input.
func ExampleDiff() {
	text := func(maxLength int) *describe.Schema {
		return &describe.Schema{Types: []string{"string"}, MaxLength: &maxLength}
	}
	object := func(properties ...describe.Property) *describe.Schema {
		return &describe.Schema{Types: []string{"object"}, Properties: properties}
	}
	app := func(input, push *describe.Schema) *describe.App {
		return &describe.App{
			Routes: []describe.Route{{Key: "say", Answer: describe.AnswerAck, Input: input}},
			Pushes: []describe.Push{{Event: "said", Data: push}},
		}
	}
	short, long := describe.Property{Name: "text", Schema: text(2000)}, describe.Property{Name: "text", Schema: text(4000)}
	color := describe.Property{Name: "color", Schema: text(20)}
	before, after := app(object(short), object(short, color)), app(object(long), object(short))
	for _, change := range describe.Diff(before, after) {
		fmt.Println(change)
	}
	// Output:
	// route "say", input.text: maxLength was 2000 and is 4000
	// breaking: push "said", data.color: removed
}
