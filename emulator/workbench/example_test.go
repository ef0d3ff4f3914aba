package workbench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// A script opens a client, makes its connection fail, and reads what has happened.
func Example() {
	ctx := context.Background()
	router := gatesock.New()
	type greeting struct{ Name string }
	gatesock.HandleReply(router, "greet", func(_ context.Context, _ *gatesock.Request, in greeting) (string, error) {
		return "hello " + in.Name, nil
	})

	bench, err := workbench.New(workbench.Config{Name: "greeter"})
	if err != nil {
		log.Fatal(err)
	}
	stage := bench.Stage("dev")
	gw, err := emulator.New(router, stage.Config(emulator.Config{Stage: "dev"}))
	if err != nil {
		log.Fatal(err)
	}
	if err := stage.Attach(gw); err != nil {
		log.Fatal(err)
	}
	server, err := emulator.Serve(ctx, gw, "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close(ctx)
	defer bench.Close(ctx)

	// People open bench.URL(server.URL). Scripts send the token in a header.
	page, _, _ := strings.Cut(bench.URL(server.URL), "?")
	call := func(method, path, body string) (answer struct{ Entries []workbench.Entry }) {
		r, err := http.NewRequestWithContext(ctx, method, page+"api/"+path, strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bench.Token())
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			log.Fatal(err)
		}
		return answer
	}
	call("POST", "connections", `{"user":"ann"}`)
	call("POST", "connections/%231/messages", `{"text":"{\"action\":\"greet\",\"name\":\"Ann\"}"}`)
	_ = gw.Quiesce(ctx) // until the answer is there
	call("POST", "faults", `{"fault":"gone","connections":["#1"]}`)
	call("POST", "connections/%231/post", `{"text":"news"}`)
	for _, e := range call("GET", "entries", "").Entries {
		if e.Kind != "invoked" {
			fmt.Println(strings.TrimSpace(fmt.Sprint(e.Kind, " ", e.Fault, e.Body)))
		}
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// connected
	// received {"action":"greet","name":"Ann"}
	// sent {"action":"greet","data":"hello Ann"}
	// fault-added failed call (gatesock: connection is gone), for #1
	// fault failed call (gatesock: connection is gone), for #1
	// called news
}

// What a program logs is shown beside what it belongs to.
func ExampleWorkbench_LogHandler() {
	bench, err := workbench.New(workbench.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer bench.Close(context.Background())
	text := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	logger := slog.New(bench.LogHandler(text)) // slog.SetDefault(logger)
	logger.Warn("the room is full", "room", "lobby", "connectionId", "BFaT_fALIAMCKug=")
	// Output: level=WARN msg="the room is full" room=lobby connectionId="BFaT_fALIAMCKug="
}
