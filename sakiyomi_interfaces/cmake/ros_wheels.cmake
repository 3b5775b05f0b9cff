# Lets rosidl generate from ROS 2 packages that pip installed: finds the prefix that holds the wheels
# and drops include paths of the machine the wheels were built on.

find_package(Python3 REQUIRED COMPONENTS Interpreter)
execute_process(
  COMMAND ${Python3_EXECUTABLE} -c
    "import pathlib, rosidl_pycommon; print(pathlib.Path(rosidl_pycommon.__file__).parents[4])"
  OUTPUT_VARIABLE ros_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(ENV{AMENT_PREFIX_PATH} ${ros_prefix})
list(PREPEND CMAKE_PREFIX_PATH ${ros_prefix})

function(sakiyomi_drop_foreign_includes directory)
  get_property(targets DIRECTORY ${directory} PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(includes MATCHES "/opt/python/")
      list(FILTER includes EXCLUDE REGEX "/opt/python/")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${includes}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL sakiyomi_drop_foreign_includes ${CMAKE_CURRENT_SOURCE_DIR})
