package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/asyncapi"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/typescript"
)

// asyncapiCommand writes the document of the API.
type asyncapiCommand struct {
	application
	output
	Title      string `help:"The title of the API. Default: the name of the module's folder."`
	APIVersion string `name:"api-version" placeholder:"VERSION" help:"The version of the API. Default: 0.0.0."`
	Host       string `placeholder:"NAME" help:"The host of the API, such as ws.example.com. Default: the one that API Gateway chooses."`
	Path       string `help:"The path of the API. Default: that of the stage."`
}

// Help is shown below the summary.
func (asyncapiCommand) Help() string {
	return `The document is AsyncAPI 3.0, as JSON: what clients send, and what they receive, with replies,
errors and pushes, and what signs them in. The doc comments of the types are in it.

    gatesock asyncapi -o asyncapi.json
    gatesock asyncapi ./cmd/lambda --title Chat --api-version 1.4.0 --host ws.example.com --path /`
}

// Run writes the document.
func (c *asyncapiCommand) Run(ctx context.Context, s streams) error {
	switch {
	case strings.ContainsAny(c.Host, "/ "):
		return misuse{fmt.Errorf("--host: %q is not a host like ws.example.com", c.Host)}
	case c.Path != "" && !strings.HasPrefix(c.Path, "/"):
		return misuse{fmt.Errorf("--path: %q does not begin with /", c.Path)}
	}
	app, folder, err := c.load(ctx, s)
	if err != nil {
		return err
	}
	text, err := asyncapi.Document(app, asyncapi.Options{
		Title: cmp.Or(c.Title, serviceName(folder)), Version: c.APIVersion, Host: c.Host, Path: c.Path,
	})
	if err != nil {
		return bare(err, "asyncapi")
	}
	return c.write(artifact{text, checkAsyncAPI}, s)
}

// checkAsyncAPI returns an error for a text that is not an AsyncAPI document. A document has no
// place for a checksum.
func checkAsyncAPI(old []byte) error {
	var document struct {
		AsyncAPI string `json:"asyncapi"`
	}
	if json.Unmarshal(old, &document) == nil && document.AsyncAPI != "" {
		return nil
	}
	return errors.New("is not an AsyncAPI document: choose another file")
}

// typesCommand writes TypeScript types.
type typesCommand struct {
	application
	output
}

// Help is shown below the summary.
func (typesCommand) Help() string {
	return `The file has the types of all requests, replies, pushes and errors, and the names of the members of
frames. It has no imports.

    gatesock types -o web/src/api.ts`
}

// Run writes the types.
func (c *typesCommand) Run(ctx context.Context, s streams) error {
	app, _, err := c.load(ctx, s)
	if err != nil {
		return err
	}
	text, err := typescript.File(app)
	if err != nil {
		return bare(err, "typescript")
	}
	return c.write(artifact{text, checkTypes}, s)
}

// checkTypes returns an error for a text that is not a file of types.
func checkTypes(old []byte) error {
	first, _, _ := bytes.Cut(old, []byte("\n"))
	if bytes.Contains(first, []byte("gatesock types")) {
		return nil
	}
	return errors.New("was not written by gatesock types: choose another file")
}
