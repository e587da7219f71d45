" `:make` checks the file with all its variants and fills the list of errors.
if exists('current_compiler')
  finish
endif
let current_compiler = 'arch'

CompilerSet makeprg=archdsl\ check\ --lint\ %:S
" error[E0402]: message, then the line with its place; what follows shows the text and a way out.
CompilerSet errorformat=%Eerror[%.%#]:\ %m,%Wwarning[%.%#]:\ %m,%C\ %#-->\ %f:%l:%c,%Z\ %#\|,%-G%.%#
