package terraform

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/seal"
)

// Versions of Terraform and of the provider. Terraform has preconditions since 1.2. Version 6.42 is
// the oldest one of the provider that was seen to have everything that configurations use; the last
// such argument is invoked_via_function_url of aws_lambda_permission.
const (
	requiredTerraform = ">= 1.2"
	requiredProvider  = "~> 6.42"
)

// Template returns a plan as a configuration of Terraform in one file, sealed. It fails if the
// names of resources would collide or be too long.
func Template(p *stack.Plan) ([]byte, error) {
	w := &writer{plan: p, names: map[string]string{}}
	w.head()
	for _, part := range []func(){
		w.variables, w.data, w.api, w.authorizer, w.routes, w.functions, w.tables, w.queues, w.sources, w.accessLog, w.domain,
		w.alarms, w.outputs,
	} {
		part()
	}
	if len(w.wrong) > 0 {
		return nil, errors.Join(w.wrong...)
	}
	return seal.Seal([]byte(w.file.String())), nil
}

// writer writes a configuration in parts.
type writer struct {
	plan  *stack.Plan
	file  body
	names map[string]string // addresses, and what has them
	wrong []error
}

// resource adds a resource, or a data source if the kind begins with "data.". What is in an error
// if another one has the name.
func (w *writer) resource(kind, name, what string, fill func(*body)) {
	w.claim(kind+"."+name, what)
	header := "resource"
	if data, ok := strings.CutPrefix(kind, "data."); ok {
		header, kind = "data", data
	}
	w.file.block(fmt.Sprintf("%s %q %q", header, kind, name), fill)
}

// claim takes a name, or adds an error if something else has it.
func (w *writer) claim(address, what string) {
	if other, taken := w.names[address]; taken {
		w.wrong = append(w.wrong, fmt.Errorf("terraform: %s and %s would both be %s in a configuration: rename one of them",
			other, what, address))
		return
	}
	w.names[address] = what
}

// heading adds the heading of a part, with a text about it.
func (w *writer) heading(title, text string) {
	if text != "" {
		text = "\n\n" + text
	}
	w.file.note("---- " + title + " ----" + text)
}

// about returns the description of the service.
func (w *writer) about() string {
	return quote(w.plan.Name + ", a WebSocket service made with gatesock.")
}

func (w *writer) head() {
	arch := "arm64"
	if w.plan.Functions[0].Architecture == "x86_64" {
		arch = "amd64"
	}
	w.file.note("Made from the program. Change the program, or the options of the command, and make it again: the " +
		"command does not overwrite a file that has been edited.\n\n" +
		"Build the program and deploy it. Terraform asks for the variables that have no default; the Region and the " +
		"credentials are those of the AWS CLI.\n\n" +
		"   CGO_ENABLED=0 GOOS=linux GOARCH=" + arch + " go build -tags lambda.norpc -trimpath -o dist/bootstrap .\n" +
		"   (cd dist && zip -q ../app.zip bootstrap)\n" +
		"   terraform init\n" +
		"   terraform apply")
	w.file.block("terraform", func(b *body) {
		b.set("required_version", quote(requiredTerraform))
		b.block("required_providers", func(b *body) {
			b.set("aws", object(func(b *body) {
				b.set("source", quote("hashicorp/aws"))
				b.set("version", quote(requiredProvider))
			}))
		})
	})
}
