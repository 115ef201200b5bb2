#!/bin/sh
# Collect the app's texts into resources/translations/*.ts and compile those: translations.sh PYTHON
# A new language: name it in app/translations.py and here, run this, translate the .ts with Qt Linguist, run it again.
set -e
cd "$(dirname "$0")/.."
bin=$(dirname "$1")
folder=resources/translations
collect() { "$bin/pyside6-lupdate" -silent -extensions py -locations none -no-obsolete -source-language en_US "$@"; }
collect -pluralonly -target-language en_US app -ts $folder/rma-mesh_en.ts  # English has its texts in the source
for language in de; do
    collect -target-language $language app -ts $folder/rma-mesh_$language.ts
done
for file in "$folder"/*.ts; do
    "$bin/pyside6-lrelease" -silent "$file" -qm "${file%.ts}.qm"
done
