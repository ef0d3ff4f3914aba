// Package scaffold makes new applications: the projects of the command "gatesock new".
//
// The projects are in the folder _projects, which is embedded. Its name keeps them out of the
// patterns of the go command, but not out of the formatter and the check of wording. The files of
// "common" are in every project; a file of the same name in a project replaces them.
//
// In each file these marks are replaced: {{name}} by the name of the application, {{module}} by the
// path of its module, and {{version}} by the version of the library. A file named *.tmpl loses that
// ending: go.mod cannot be embedded under its own name.
package scaffold
