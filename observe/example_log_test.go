package observe_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/observe"
)

// Every line of a handler's log says which connection and request it is about, and has no secrets.
func ExampleNewLogHandler() {
	log := slog.New(observe.NewLogHandler(withoutTime{os.Stdout}, &observe.LogOptions{Format: observe.LogJSON}))

	r := gatesock.New(gatesock.WithLogger(log))
	gatesock.Handle(r, "join", func(ctx context.Context, req *gatesock.Request, in struct{ Room, Token string }) error {
		log.InfoContext(ctx, "joined", "room", in.Room, "token", in.Token, "body", req.Body)
		return nil
	})

	app := observe.New(observe.WithOutput(io.Discard)).Handler(r) // gatesock.Start(app), in main
	_, _ = app.Invoke(context.Background(), []byte(`{"requestContext": {"eventType": "MESSAGE", "routeKey": "$default",
		"connectionId": "L0SM9cOFvHcCIhw=", "requestId": "JKJaXmPLvHcESHA=", "messageId": "JKJaXcPLvHcCFDQ="},
		"body": "{\"action\":\"join\",\"Room\":\"lobby\",\"Token\":\"s3cr3t\"}"}`))
	// Output:
	// {"level":"INFO","message":"joined",
	//  "room":"lobby","token":"[redacted]","body":"[49 bytes]",
	//  "connectionId":"L0SM9cOFvHcCIhw=","route":"join",
	//  "requestId":"JKJaXmPLvHcESHA=","messageId":"JKJaXcPLvHcCFDQ="}
}

// withoutTime leaves out the timestamp of a line, and breaks it for this page.
type withoutTime struct{ w io.Writer }

func (o withoutTime) Write(line []byte) (int, error) {
	_, rest, _ := strings.Cut(string(line), `,"level"`)
	for _, name := range []string{"room", "connectionId", "requestId"} {
		rest = strings.Replace(rest, `,"`+name+`":`, ",\n \""+name+`":`, 1)
	}
	_, err := fmt.Fprint(o.w, `{"level"`, rest)
	return len(line), err
}
