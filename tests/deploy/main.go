// What `cargo xtask` asks of the libraries and schemas of others:
//
//	compose FILE…   the files by the compose specification's own library; printed whole, with variables put in
//	sbom FILE       a bill of materials by CycloneDX's own schema
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	_ "github.com/CycloneDX/cyclonedx-go" // brings the schemas
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: compose FILE… | sbom FILE")
	}
	err := fmt.Errorf("no such check: %s", os.Args[1])
	switch os.Args[1] {
	case "compose":
		err = compose(os.Args[2:])
	case "sbom":
		err = sbom(os.Args[2])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func compose(files []string) error {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	whole, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(whole))
	return err
}

func sbom(file string) error {
	text, err := os.Open(file)
	if err != nil {
		return err
	}
	defer text.Close()
	bill, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		return err
	}
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		return fmt.Errorf("the schemas are nowhere: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(schemas(filepath.Join(strings.TrimSpace(string(folder)), "schema")))
	schema, err := compiler.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		return err
	}
	return schema.Validate(bill)
}

// The schemas' folder in the place of their addresses.
type schemas string

func (folder schemas) Load(address string) (any, error) {
	name := filepath.Base(address)
	if name == "jsf-0.82.schema.json" {
		name = "jsf-0.82.schemax.json" // so it is called there
	}
	file, err := os.Open(filepath.Join(string(folder), name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jsonschema.UnmarshalJSON(file)
}
