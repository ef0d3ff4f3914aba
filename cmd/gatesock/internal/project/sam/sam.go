// Package sam reads AWS SAM and CloudFormation templates, and the templates that cdk synth leaves,
// as a [project.Project].
//
// Nothing in a template stops the rest of it: what is wrong or not supported becomes a finding with
// a line. Only a file that is not a template at all is an error.
package sam

import (
	"path/filepath"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// Options are what a template leaves open.
type Options struct {
	// Parameters are values of the template's parameters, by name. Pseudo parameters, such as
	// "AWS::StackName", are set in the same way, and so are exports of other stacks, by their names.
	Parameters map[string]string
	// Ask returns the value of a parameter that has no default, or an error that stops the reading.
	// It is called once for each parameter that something needs. If it is nil, the parameter gets a
	// placeholder, and a warning says so.
	Ask func(name, description string) (string, error)
	// Stage is the name of the only stage to read. Default: all.
	Stage string
	// Region is that of the deployment. Default: "us-east-1", or what cdk synth has fixed.
	Region string
}

// Source is a CloudFormation template that was made from another file.
type Source struct {
	// File is the absolute path of the file that is named in findings, and Files are all that were
	// read.
	File  string
	Files []string
	// Folder is what relative paths in the template start from. Default: the folder of File.
	Folder string
	// Template is the template, in YAML or JSON, with AWS::Lambda::Function or
	// AWS::Serverless::Function.
	Template []byte
	// StackName is the value of AWS::StackName. Default: the name of Folder.
	StackName string
	// Functions are what the file says of the code of functions, by logical id. For them the
	// template's code is not looked up.
	Functions map[string]Code
	// Layers are the absolute paths of the folders or zip files of layers, by logical id.
	Layers map[string]string
	// Place returns where the file has a property of a resource, such as ("ConnectRoute",
	// "RouteKey"), or the resource itself if property is empty. An empty file means File. Line 0 is
	// unknown. Default: the lines of Template.
	Place func(resource, property string) (file string, line int)
	// HasPermissions means that the API may call its functions whether the template says so or not.
	HasPermissions bool
}

// Code is the code of a function, as in [project.Function].
type Code struct {
	Code, Inline, Package, Build string
}

// FromTemplate reads a template that was made from another file.
func FromTemplate(s Source, o Options) (*project.Project, error) {
	if s.Template == nil {
		s.Template = []byte{}
	}
	if s.Folder == "" {
		s.Folder = filepath.Dir(s.File)
	}
	return read([]stackSource{{Source: s}}, o)
}
