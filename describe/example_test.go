package describe_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

type Say struct {
	Room string `json:"room" jsonschema:"minLength=1,maxLength=32"`
	Text string `json:"text"`
	Mood string `json:"mood,omitempty" jsonschema:"enum=happy,enum=sad"`
}

type Message struct {
	ID   int64    `json:"id"`
	Text string   `json:"text"`
	Tags []string `json:"tags" jsonschema_description:"For search."`
}

func say(context.Context, *gatesock.Request, Say) (Message, error) { return Message{}, nil }

func ExampleOf() {
	r := gatesock.New(gatesock.WithKeepAlive("keepalive"))
	gatesock.HandleReply(r, "say", say)
	gatesock.DeclarePush[Message](r, "message")

	app, err := describe.Of(r)
	if err != nil {
		log.Fatal(err)
	}
	for _, route := range app.Routes {
		fmt.Println(route.Key, route.Answer, route.NeedsResponse())
	}
	for _, push := range app.Pushes {
		fmt.Println("push", push.Event, push.Data.Name())
	}
	for _, p := range app.Types["Say"].Properties {
		fmt.Println(p.Name, p.Schema.Types, app.Types["Say"].IsRequired(p.Name))
	}
	// Output:
	// $connect none false
	// $default any true
	// $disconnect none false
	// keepalive mock true
	// say data true
	// push message Message
	// room [string] true
	// text [string] true
	// mood [string] false
}

func ExampleParse() {
	document := []byte(`{
		"version": 1,
		"envelope": {"action":"action","id":"id","data":"data","error":"error","event":"event","topic":"topic"},
		"routes": [{"key":"say", "answer":"data", "codec":"json", "input":{"$ref":"#/$defs/Say"}}],
		"$defs": {"Say": {"type":"object", "properties":{"text":{"type":"string"}}}}
	}`)
	app, err := describe.Parse(document)
	if err != nil {
		log.Fatal(err)
	}
	input := app.Routes[0].Input
	fmt.Println(input.Name(), app.Types[input.Name()].Properties[0].Name)
	// Output: Say text
}

// A document of a later version may mean something else.
func ExampleParse_laterVersion() {
	_, err := describe.Parse([]byte(`{"version": 2}`))
	fmt.Println(errors.Is(err, describe.ErrVersion))
	// Output: true
}
